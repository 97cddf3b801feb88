//! The audit from outside: what each call leaves in it, what a data owner sees of
//! plugins, and what is said of one that was changed behind the host's back.
mod chain;
mod reads;
mod routes;
mod token;
