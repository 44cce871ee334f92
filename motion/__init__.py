"""What moves: bicycle models, car following, tracking controllers, contact, rollout arrays. Shared by all sides."""
