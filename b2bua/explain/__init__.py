"""Why a call did what it did: traced, drawn, saved, played again, and asked for before it happens."""
