"""The built-in policy: a small OpenVLA that puts colored blocks on a pad, trained by imitation and then by consistency distillation."""
