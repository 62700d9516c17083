"""The laws of capacity and of running time as queries that must find nothing: I-C1, I-C2, I-C4, I-C6, I-L8, I-L9."""

from __future__ import annotations

from core.store.queries.checks import MustBeEmpty

_REPORT = "compare with a backup and report this"
_MAKE_ROOM = "stop something on it, or give back what it has lost"

CAPACITY = (
    MustBeEmpty(
        "I-C1",
        "no cluster holds more than it has",
        """
        SELECT c.name FROM clusters c
        JOIN (
            SELECT cluster_id, SUM(cpu_milli) AS cpu, SUM(ram_mib) AS ram, SUM(gpu_milli) AS gpu, SUM(disk_mib) AS disk
            FROM nodes GROUP BY cluster_id
        ) n ON n.cluster_id = c.id
        JOIN (
            SELECT x.cluster_id, SUM(o.cpu_milli) AS cpu, SUM(o.ram_mib) AS ram, SUM(o.gpu_milli) AS gpu,
                SUM(o.disk_mib) AS disk
            FROM allocations o JOIN nodes x ON x.id = o.node_id
            WHERE o.released_at IS NULL GROUP BY x.cluster_id
        ) a ON a.cluster_id = c.id
        WHERE a.cpu > n.cpu OR a.ram > n.ram OR a.gpu > n.gpu OR a.disk > n.disk
        """,
        _MAKE_ROOM,
    ),
    MustBeEmpty(
        "I-C2",
        "no node holds more than it has",
        """
        SELECT n.name FROM nodes n
        JOIN (
            SELECT node_id, SUM(cpu_milli) AS cpu, SUM(ram_mib) AS ram, SUM(gpu_milli) AS gpu, SUM(disk_mib) AS disk
            FROM allocations WHERE released_at IS NULL GROUP BY node_id
        ) a ON a.node_id = n.id
        WHERE a.cpu > n.cpu_milli OR a.ram > n.ram_mib OR a.gpu > n.gpu_milli OR a.disk > n.disk_mib
        """,
        _MAKE_ROOM,
    ),
    MustBeEmpty(
        "I-C4",
        "what lives on an engine holds its size, what does not holds nothing",
        """
        SELECT d.handle FROM deployments d
        LEFT JOIN (
            SELECT deployment_id, COUNT(*) AS places FROM allocations WHERE released_at IS NULL GROUP BY deployment_id
        ) a ON a.deployment_id = d.id
        WHERE CASE
            WHEN d.state IN ('starting', 'running', 'stopping') THEN COALESCE(a.places, 0) <> d.replicas
            WHEN d.state = 'suspended' THEN COALESCE(a.places, 0) NOT IN (0, d.replicas)
            ELSE COALESCE(a.places, 0) <> 0 END
        UNION ALL
        SELECT d.handle FROM allocations o JOIN deployments d ON d.id = o.deployment_id
        WHERE o.released_at IS NULL AND (o.cpu_milli <> d.cpu_milli OR o.ram_mib <> d.ram_mib
            OR o.gpu_milli <> d.gpu_milli OR o.disk_mib <> d.disk_mib)
        """,
        _REPORT,
    ),
    MustBeEmpty(
        "I-C6",
        "no two starts bear the same token",
        """
        SELECT d.handle FROM (
            SELECT deployment_id FROM allocations GROUP BY deployment_id, generation, replica HAVING COUNT(*) > 1
        ) o JOIN deployments d ON d.id = o.deployment_id
        """,
        _REPORT,
    ),
    MustBeEmpty(
        "I-L8",
        "the runs of a deployment follow each other",
        """
        SELECT r.id FROM (
            SELECT id, started_at, LAG(id) OVER w AS earlier, LAG(ended_at) OVER w AS ended
            FROM runs WINDOW w AS (PARTITION BY deployment_id ORDER BY generation)
        ) r
        WHERE r.earlier IS NOT NULL AND (r.ended IS NULL OR r.ended > r.started_at)
        UNION ALL
        SELECT id FROM runs WHERE ended_at < started_at
        """,
        _REPORT,
    ),
    MustBeEmpty(
        "I-L9",
        "what runs has one open run, what does not has none",
        """
        SELECT d.handle FROM deployments d
        LEFT JOIN (
            SELECT deployment_id, COUNT(*) AS opened FROM runs WHERE ended_at IS NULL GROUP BY deployment_id
        ) r ON r.deployment_id = d.id
        WHERE CASE
            WHEN d.state IN ('running', 'suspended') THEN COALESCE(r.opened, 0) <> 1
            WHEN d.state = 'stopping' THEN COALESCE(r.opened, 0) > 1
            ELSE COALESCE(r.opened, 0) <> 0 END
        """,
        _REPORT,
    ),
)
