//! One file per noun: bodies and views, then handlers, then mapping.
//!
//! A handler looks up, decides, acts and answers. It takes a
//! [`crate::auth::Caller`] and states in its first line what it needs.
pub mod account;
pub mod action;
pub mod api_usage;
pub mod audit;
pub mod check;
pub mod connect;
pub mod connection;
pub mod delivery;
pub mod dependency;
pub mod import;
pub mod inbox;
pub mod install;
pub mod install_change;
pub mod marketplace;
pub mod me;
pub mod member;
pub mod organization;
pub mod overlap;
pub mod pairing;
pub mod partnership;
pub mod password;
pub mod plugin;
pub mod population;
pub mod publisher_credential;
pub mod release;
pub mod review;
pub mod run;
pub mod schedule;
pub mod second_factor;
pub mod session;
pub mod sharing_rule;
pub mod signing_key;
pub mod source;
pub mod support;
pub mod token;
pub mod verification;
pub mod waiting;
pub mod webhook;
pub mod why_not;
