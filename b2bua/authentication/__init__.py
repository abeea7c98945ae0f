"""Who is who: our domain, its accounts, and how somebody proves to be one of them, or we to others."""
