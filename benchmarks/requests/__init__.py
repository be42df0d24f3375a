"""Requests and capacity units of a turn, beside a GetItem and PutItem as Jovo sends them."""
