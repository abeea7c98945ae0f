"""What changes who talks to whom: joining, waiting, picking up, transfer, replacing, origination."""
