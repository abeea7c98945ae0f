"""What things cost, beside other things."""
