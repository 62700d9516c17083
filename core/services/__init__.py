"""The use cases: what people can ask of Bursar. One method, one unit of work, one commit; answers are views."""
