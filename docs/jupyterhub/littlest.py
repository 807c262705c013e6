"""For The Littlest JupyterHub: where the data lie, and how many cores a kernel takes."""

c = get_config()  # noqa: F821  JupyterHub puts it here
c.Spawner.environment = {"COURSE_DATA": "/srv/data", "OMP_NUM_THREADS": "1"}
c.Spawner.default_url = "/lab"
