//! Whether a leased delivery becomes a run: a job, or a refusal with a reason.
