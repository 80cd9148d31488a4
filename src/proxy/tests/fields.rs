use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::super::headers::{self, Asker};
use super::permit::identity;
use super::*;
use crate::model::Refusal;

fn map(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn forwarded_with(
    fields: &[(&str, &str)],
    change: impl FnOnce(&mut Backend),
    version: Version,
    address: &str,
) -> Result<HeaderMap, Refusal> {
    let mut backend = backend(&[]);
    change(&mut backend);
    let mut headers = map(fields);
    let identity = identity("王 丽%", "信息,role:auditor", Some("wang@example.cn"));
    let asker = Asker { identity: &identity, address: address.parse().unwrap(), version };
    headers::for_upstream(&mut headers, &backend, &asker).map(|()| headers)
}

fn forwarded(fields: &[(&str, &str)]) -> HeaderMap {
    forwarded_with(fields, |_| (), Version::HTTP_11, "192.0.2.7").unwrap()
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn the_upstream_reads_who_asks_and_where_from_in_the_gateways_words() {
    let headers = forwarded(&[("host", "elsewhere"), ("accept", "text/html")]);
    for (name, value) in [
        ("host", "sites.example.cn:8443"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "sites.example.cn:8443"),
        ("x-forwarded-port", "8443"),
        ("forwarded", "for=192.0.2.7;host=\"sites.example.cn:8443\";proto=https"),
        ("x-forwarded-user", "%E7%8E%8B %E4%B8%BD%25"),
        ("x-forwarded-email", "wang@example.cn"),
        ("x-forwarded-groups", "unit:%E4%BF%A1%E6%81%AF%2Crole:auditor,role:member"),
        ("via", "1.1 yumen"),
        ("accept", "text/html"),
    ] {
        assert_eq!(all(&headers, name), [value], "{name}");
    }
}

#[test]
fn an_ipv6_address_is_quoted_in_forwarded_and_a_mapped_one_is_ipv4() {
    let headers = forwarded_with(&[], |backend| backend.public_authority = "a.cn".to_owned(), Version::HTTP_2, "2001:db8::1").unwrap();
    assert_eq!(all(&headers, "forwarded"), ["for=\"[2001:db8::1]\";host=\"a.cn\";proto=https"]);
    assert_eq!(all(&headers, "x-forwarded-for"), ["2001:db8::1"]);
    assert_eq!(all(&headers, "x-forwarded-port"), ["443"]);
    assert_eq!(all(&headers, "via"), ["2.0 yumen"]);
    let mapped = forwarded_with(&[], |_| (), Version::HTTP_11, "::ffff:192.0.2.9").unwrap();
    assert_eq!(all(&mapped, "x-forwarded-for"), ["192.0.2.9"]);
}

#[test]
fn an_app_can_have_its_own_name_as_host() {
    let named = |backend: &mut Backend| backend.host = UpstreamHost::Named(HeaderValue::from_static("cms.internal"));
    let headers = forwarded_with(&[], named, Version::HTTP_11, "192.0.2.7").unwrap();
    assert_eq!(all(&headers, "host"), ["cms.internal"]);
    assert_eq!(all(&headers, "x-forwarded-host"), ["sites.example.cn:8443"]);
}

#[test]
fn no_claim_of_the_client_about_who_it_is_reaches_the_upstream() {
    let claims = [
        "X-Forwarded-User",
        "x-forwarded-email",
        "X-FORWARDED-GROUPS",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Server",
        "X-Forwarded-Prefix",
        "X-Forwarded-Access-Token",
        "Forwarded",
        "X-Real-IP",
        "X-Remote-User",
        "Remote-User",
        "Remote-Groups",
        "X-Client-Cert",
        "X-Client-Cert-Dn",
        "X-SSL-Client-S-Dn",
        "Ssl-Client-Verify",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Cluster-Client-IP",
        "X-Client-IP",
        "X-Original-URL",
        "X-Original-Host",
        "X-Rewrite-URL",
        "X-Host",
        "Proxy",
        "Proxy-Authorization",
        "Proxy-Connection",
        "X-HTTP-Method-Override",
        "X-Auth-Request-User",
        "X-Yumen-Role",
        // CGI, and what lets an app be told where it is mounted.
        "Script-Name",
        "Path-Info",
        "X-Script-Name",
        "X-Path-Info",
        "Auth-Type",
        "Redirect-Remote-User",
        "HTTP-Remote-User",
        "X-Http-Method",
        "X-Scheme",
        // Google Cloud, Azure, AWS.
        "X-Goog-Authenticated-User-Email",
        "X-Goog-Authenticated-User-Id",
        "X-Goog-IAP-JWT-Assertion",
        "X-Endpoint-API-UserInfo",
        "X-Appengine-User-Email",
        "X-MS-Client-Principal",
        "X-MS-Client-Principal-Name",
        "X-MS-Token-AAD-Id-Token",
        "X-Azure-ClientIP",
        "X-Amzn-Oidc-Data",
        "X-Amzn-Oidc-Identity",
        "X-Amzn-Mtls-Clientcert-Subject",
        // Products.
        "Cf-Access-Authenticated-User-Email",
        "Cf-Access-Jwt-Assertion",
        "X-User",
        "X-Email",
        "X-Groups",
        "X-Username",
        "X-Auth-Username",
        "X-Auth-Email",
        "X-Auth-Request-Preferred-Username",
        "X-Forwarded-Preferred-Username",
        "X-Pomerium-Jwt-Assertion",
        "X-Pomerium-Claim-Email",
        "X-Authentik-Username",
        "X-Vouch-User",
        "X-Consumer-Username",
        "X-WebAuth-User",
        "Tailscale-User-Login",
        "Teleport-Jwt-Assertion",
        "OIDC-Claim-Email",
        "OIDC-Access-Token",
        "Shib-Identity-Provider",
        "SM-User",
        "IV-User",
        "Logon-User",
        "X-Envoy-External-Address",
    ];
    for claim in claims {
        for name in [claim.to_owned(), claim.replace('-', "_"), claim.replacen('-', ".", 1), claim.to_uppercase()] {
            let allow = |backend: &mut Backend| backend.allow_underscores = true;
            let twice = [(name.as_str(), "evil"), (name.as_str(), "evil too")];
            let headers = forwarded_with(&twice, allow, Version::HTTP_11, "192.0.2.7").unwrap();
            assert!(headers.values().all(|value| !value.to_str().unwrap().contains("evil")), "{name}");
        }
    }
    for kept in [
        "authorization",
        "origin",
        "x-csrf-token",
        "x-requested-with",
        "user-agent",
        "sec-fetch-site",
        "accept-language",
        "x-access-token",
        "x-auth-token",
        "x-user-agent",
        "x-amz-date",
        "if-match",
    ] {
        assert_eq!(all(&forwarded(&[(kept, "mine")]), kept), ["mine"]);
    }
}

#[test]
fn a_field_name_with_an_underscore_is_refused_unless_the_app_allows_it() {
    let field = [("x_token", "1")];
    let refused = forwarded_with(&field, |_| (), Version::HTTP_11, "192.0.2.7");
    assert!(matches!(refused, Err(Refusal::Malformed(_))));
    let allowed = forwarded_with(&field, |backend| backend.allow_underscores = true, Version::HTTP_11, "192.0.2.7").unwrap();
    assert_eq!(all(&allowed, "x_token"), ["1"]);
}

#[test]
fn fields_of_one_connection_stay_on_it_and_those_the_gateway_sets_cannot_be_named_away() {
    let headers = forwarded(&[
        ("connection", "close, X-Private, x-forwarded-user"),
        ("Connection", "X-Forwarded-For, via, host"),
        ("x-private", "1"),
        ("keep-alive", "5"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABk"),
        ("expect", "100-continue"),
        ("content-length", "5"),
        ("x-public", "1"),
    ]);
    let gone = [
        "connection",
        "x-private",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "expect",
        "content-length",
    ];
    for name in gone {
        assert!(!headers.contains_key(name), "{name}");
    }
    for name in ["host", "x-forwarded-user", "x-forwarded-for", "via", "x-public"] {
        assert_eq!(all(&headers, name).len(), 1, "{name}");
    }
}

#[test]
fn via_is_kept_and_extended() {
    assert_eq!(all(&forwarded(&[("via", "1.1 office")]), "via"), ["1.1 office", "1.1 yumen"]);
}

#[test]
fn the_gateways_cookies_stay_here_and_the_others_keep_their_order() {
    for (sent, kept) in [
        (&["a=1; b=2"][..], Some("a=1; b=2")),
        (&["a=1;b=2"], Some("a=1;b=2")),
        (&["__Host-yumen=secret"], None),
        (&["a=1; __Host-yumen=secret; b=2"], Some("a=1; b=2")),
        (&["a=1; __Host-yumen-app=secret; b=__Host-yumen"], Some("a=1; b=__Host-yumen")),
        (&["__HOST-YUMEN=secret;a=1"], Some("a=1")),
        (&["a=1", "__Host-yumen=secret", "b=2"], Some("a=1; b=2")),
        (&["a=1", "b=2"], Some("a=1; b=2")),
        (&["b=2;;  __Host-yumen_nonce=secret  ; a=\"x\""], Some("b=2; a=\"x\"")),
        (&["__Host-other=1"], Some("__Host-other=1")),
    ] {
        let cookies: Vec<(&str, &str)> = sent.iter().map(|value| ("cookie", *value)).collect();
        assert_eq!(all(&forwarded(&cookies), "cookie"), Vec::from_iter(kept), "{sent:?}");
    }
}

#[test]
fn an_upstream_cannot_set_the_gateways_cookies() {
    let mut headers = map(&[
        ("set-cookie", "sessionid=1; Path=/"),
        ("set-cookie", "__Host-yumen=evil; Secure; Path=/"),
        ("Set-Cookie", " __hOST-yUMEN-app=evil"),
        ("set-cookie", "=__Host-yumen=evil"),
        ("set-cookie", "csrftoken=__Host-yumen"),
    ]);
    headers::for_client(&mut headers, false);
    assert_eq!(all(&headers, "set-cookie"), ["sessionid=1; Path=/", "csrftoken=__Host-yumen"]);
}

#[test]
fn an_answer_loses_only_what_belongs_to_its_connection() {
    let mut headers = map(&[
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("proxy-connection", "close"),
        ("alt-svc", "h3=\":443\""),
        ("location", "http://sites.example.cn/next"),
        ("cache-control", "max-age=60"),
        ("x-frame-options", "DENY"),
    ]);
    let mut strict = headers.clone();
    headers::for_client(&mut headers, false);
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cache-control", "location", "via", "x-frame-options"]);
    assert_eq!(all(&headers, "cache-control"), ["max-age=60"]);
    headers::for_client(&mut strict, true);
    assert_eq!(all(&strict, "cache-control"), ["no-store"]);
}

#[test]
fn a_websocket_is_asked_for_with_both_fields() {
    let asks = |fields: &[(&str, &str)]| headers::is_websocket_upgrade(&map(fields));
    assert!(asks(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]));
    assert!(!asks(&[("upgrade", "websocket")]));
    assert!(!asks(&[("connection", "upgrade")]));
    assert!(!asks(&[("connection", "upgrade"), ("upgrade", "h2c")]));
}
