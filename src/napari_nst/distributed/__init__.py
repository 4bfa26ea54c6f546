"""Windows computed by the workers of a Dask cluster (extra "distributed"); no Qt, no settings."""
