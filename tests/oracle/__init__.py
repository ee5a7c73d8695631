"""Our programs beside the C ones: same words, same bytes."""
