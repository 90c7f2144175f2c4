"""Polar as its server answers: the customers, members, subscriptions and organizations of one organization."""
