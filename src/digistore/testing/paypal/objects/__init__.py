"""What PayPal keeps, a module for each noun: how it is made, what it may become, what is told."""
