"""The migrations. One that has been released is never changed."""
