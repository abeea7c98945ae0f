"""What outlives the process: ports, and what stands behind them."""
