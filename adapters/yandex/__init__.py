"""What the adapters of Yandex share: its credentials, and what its refusals mean."""
