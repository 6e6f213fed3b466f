"""Work orders: the form, the register, their history."""
