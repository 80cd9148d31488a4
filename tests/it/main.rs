//! What a user or an attacker does, against a whole gateway in this process: real sockets, real TLS, real store and log, a
//! software key (`softpasskey`), and an upstream that records what reaches it.

mod browser;
mod forms;
mod frames;
mod house;
mod office;
mod process;
mod upstream;

mod access;
mod alike;
mod bodies;
mod clock;
mod code_tokens;
mod corpora;
mod corpus;
mod floods;
mod forgery;
mod headers;
mod http2;
mod identity;
mod inventory;
mod log;
mod memory;
mod monitoring;
mod own_tokens;
mod proxied;
mod reload;
mod roles;
mod scrape;
mod second_factor;
mod sessions;
mod signing_in;
mod space;
mod status;
mod streams;
mod terminals;
mod trouble;
mod units;
mod upstream_tls;
mod way;
