//! Fields that claim who asks, where from or what for, which no client may send on: what the products that stand before back
//! offices set there (oauth2-proxy, Pomerium, Authelia, authentik, Vouch, Kong, APISIX, Teleport, nginx, Traefik, Envoy, Apache's
//! authentication modules, Shibboleth, SiteMinder, WebSEAL, IIS, Cloudflare, Fastly, Tailscale, AWS, Azure, Google Cloud), and
//! CGI variables by their names.
//!
//! Invariant: a name is on the list however it is written that CGI would read as one on the list. What scripts of back offices
//! commonly send of their own (`Authorization`, `X-Access-Token`, `X-CSRF-Token`) is not.

use std::borrow::Cow;

/// In lower case, with `-` for whatever is no letter or digit. The method overrides are here because policy judged the
/// method that it saw.
const NAMES: [&str; 58] = [
    "auth-type",
    "auth-user",
    "client-ip",
    "eppn",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "gap-auth",
    "gap-signature",
    "logon-user",
    "path-info",
    "path-translated",
    "persistent-id",
    "proxy",
    "request-uri",
    "script-filename",
    "script-name",
    "teleport-jwt-assertion",
    "true-client-ip",
    "x-anonymous-consumer",
    "x-apigateway-api-userinfo",
    "x-auth-email",
    "x-auth-groups",
    "x-auth-name",
    "x-auth-roles",
    "x-auth-subject",
    "x-cluster-client-ip",
    "x-email",
    "x-endpoint-api-userinfo",
    "x-group",
    "x-groups",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-ms-client-principal",
    "x-oauth2-proxy-id-token",
    "x-path-info",
    "x-preferred-username",
    "x-role",
    "x-roles",
    "x-scheme",
    "x-script-name",
    "x-url-scheme",
    "x-user",
    "x-user-email",
    "x-user-group",
    "x-user-groups",
    "x-user-id",
    "x-user-name",
    "x-user-role",
    "x-user-roles",
    "x-usergroup",
    "x-userid",
    "x-userinfo",
    "x-username",
];

/// Families: every name that begins so.
const PREFIXES: [&str; 50] = [
    "cf-",
    "client-cert",
    "client-verify",
    "http-remote-",
    "iv-",
    "oam-",
    "oidc-",
    "proxy-",
    "redirect-remote-",
    "remote-",
    "shib-",
    "sm-",
    "ssl-",
    "tailscale-user-",
    "x-accel-",
    "x-amzn-ava-",
    "x-amzn-mtls-",
    "x-amzn-oidc-",
    "x-appengine-",
    "x-arr-",
    "x-auth-request-",
    "x-auth-user",
    "x-authelia-",
    "x-authenticated-",
    "x-authentik-",
    "x-azure-",
    "x-client-cert",
    "x-client-ip",
    "x-client-ssl",
    "x-client-verify",
    "x-consumer-",
    "x-credential-",
    "x-envoy-",
    "x-forwarded",
    "x-goog-authenticated-user",
    "x-goog-iap-",
    "x-middleware-",
    "x-ms-client-principal-",
    "x-ms-token-",
    "x-original-",
    "x-pomerium-",
    "x-proxy-",
    "x-real-",
    "x-remote-",
    "x-rewrite-",
    "x-sendfile-",
    "x-ssl-",
    "x-vouch-",
    "x-webauth-",
    "x-yumen-",
];

/// CGI and its heirs read every such mark as `_`, so `X.Forwarded_User` is `X-Forwarded-User` to them.
pub(super) fn is_claim(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let name = match name.bytes().all(plain) {
        true => Cow::Borrowed(name),
        false => name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect(),
    };
    // No prefix begins with another, so only the last one that is not behind the name can be its own.
    let last = PREFIXES.partition_point(|prefix| **prefix <= *name).checked_sub(1).and_then(|at| PREFIXES.get(at));
    last.is_some_and(|prefix| name.starts_with(prefix)) || NAMES.binary_search(&&*name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_and_no_prefix_begins_with_another() {
        assert!(NAMES.is_sorted() && PREFIXES.is_sorted());
        assert!(PREFIXES.iter().zip(PREFIXES.iter().skip(1)).all(|(one, next)| !next.starts_with(one)));
    }

    #[test]
    fn every_name_and_all_of_every_family_is_a_claim_and_what_stands_beside_them_is_not() {
        for name in NAMES {
            assert!(is_claim(name), "{name}");
        }
        for prefix in PREFIXES {
            for tail in ["", "a", "zz", "-", "0"] {
                assert!(is_claim(&format!("{prefix}{tail}")), "{prefix}{tail}");
            }
        }
        let is_listed = |name: &str| NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        for listed in NAMES.into_iter().chain(PREFIXES) {
            for cut in 0..listed.len() {
                for beside in
                    [listed[..cut].to_owned(), format!("{}~", &listed[..cut]), format!("{listed}!"), format!("{}0", &listed[..cut])]
                {
                    let plain = beside.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                    assert_eq!(is_claim(&beside), is_listed(&plain), "{beside}");
                }
            }
        }
    }
}
