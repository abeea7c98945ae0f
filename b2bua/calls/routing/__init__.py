"""Where a dialled target is, and the INVITEs that go there."""
