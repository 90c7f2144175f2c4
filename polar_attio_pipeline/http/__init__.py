"""What both API clients share: errors, retries, rate limits, redaction."""
