"""What a changed behaviour costs: agents trained with an erratum's printed behaviour, or with an idea, and as the code is."""
