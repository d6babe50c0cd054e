"""Study of answers: the domains that the probability is fitted to and measured on."""
