//! What a user or an attacker does, against a whole gateway in this process: real sockets, real TLS, real store and log, a
//! software key (`softpasskey`), and an upstream that records what reaches it.

mod browser;
mod city;
mod forms;
mod frames;
mod house;
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
mod kept_forms;
mod log;
mod memory;
mod monitoring;
mod own_tokens;
mod people;
mod proxied;
mod reload;
mod scrape;
mod second_factor;
mod sessions;
mod signing_in;
mod space;
mod status;
mod step_up;
mod streams;
mod token_life;
mod trouble;
mod two_people;
mod upstream_tls;
mod usb_key;
mod usb_key_apps;
mod way;
