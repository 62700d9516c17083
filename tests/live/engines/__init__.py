"""Real engines for live tests: installed where that is possible, started on sockets of their own, ended with the test.

None of them touches another engine of this host: each has its own storage, socket, bridge and subnet.
"""
