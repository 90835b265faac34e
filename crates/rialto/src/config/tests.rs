//! Configurations that are read, and those that are not.

use super::*;

const RISK: Context = Context::Risk;

fn of(text: &str, variables: &[(&str, &str)]) -> Result<ServiceConfig, String> {
    let key = |name| OF_A_SERVICE.iter().find(|(known, _)| *known == name).unwrap().1;
    parse(text, variables.iter().map(|(name, value)| (key(*name), (*value).to_owned())))
}

/// An example without its last section, for a network that is one's own.
fn plain(example: &str) -> String {
    let (without, _) = example.split_once("[tls]").unwrap();
    without.replace("https://", "http://")
}

fn gateway<'a>(said: impl IntoIterator<Item = (&'a str, String)>) -> GatewayConfig {
    parse(&plain(GATEWAY_EXAMPLE), said).unwrap()
}

#[test]
fn sec_1_a_process_is_who_its_certificate_says() {
    let directory = tempfile::tempdir().unwrap();
    let authority = identity::Authority::init(directory.path()).unwrap();
    let issued = |account| {
        let identity = Identity::of(account).unwrap();
        authority.issue(&identity, &["localhost".to_owned()], 1).unwrap().files
    };
    let with = |files: &Files| {
        let said = [
            ("RIALTO_TLS_CERTIFICATE", files.certificate.to_str().unwrap()),
            ("RIALTO_TLS_KEY", files.key.to_str().unwrap()),
            ("RIALTO_TLS_AUTHORITIES", files.authorities.to_str().unwrap()),
        ];
        of(&example(RISK), &said).unwrap()
    };
    let config = with(&issued("risk-service"));
    let transport = config.transport(RISK).unwrap();
    config.peers(Hosts::only(&[RISK]), transport.clone()).unwrap();
    let plainly = of(&plain(&example(RISK)), &[]).unwrap();
    let refused = plainly.peers(Hosts::only(&[RISK]), transport).err().unwrap();
    assert!(refused.contains("must begin with https://"), "{refused}");
    let other = with(&issued("order-service")).transport(RISK).err().unwrap();
    assert!(other.starts_with("tls.certificate: is that of") && other.contains("order-service"), "{other}");
    let missing = of(&example(RISK), &[]).unwrap().transport(RISK).err().unwrap();
    assert!(missing.starts_with("tls: /etc/rialto/certs/risk-service.pem: "), "{missing}");
}

#[test]
fn the_example_of_every_service_is_a_good_one() {
    for service in Context::ALL {
        let read = of(&example(service), &[]).unwrap();
        assert!(read.tls.is_some());
        let read = of(&plain(&example(service)), &[]).unwrap();
        read.peers(Hosts::only(&[service]), Transport::Plain).unwrap();
    }
    assert!(parse::<GatewayConfig>(GATEWAY_EXAMPLE, []).unwrap().tls.is_some());
    gateway([]).upstreams(Transport::Plain).unwrap();
}

#[test]
fn the_gateway_must_know_every_service() {
    let said = |value: &str| {
        let said = [("services.risk", value.to_owned())];
        gateway(said).upstreams(Transport::Plain).err().unwrap()
    };
    assert!(said("").contains("services.risk: must name"));
    for bad in ["10.0.0.7:7430", "http://10.0.0.7:7430/risk", "https://10.0.0.7:7430"] {
        assert!(said(bad).contains("http://10.0.0.7:7410"), "{bad}");
    }
}

#[test]
fn the_example_names_every_variable() {
    let all: String = Context::ALL.into_iter().map(example).collect();
    for (text, variables) in [(&*all, &OF_A_SERVICE[..]), (GATEWAY_EXAMPLE, &OF_THE_GATEWAY)] {
        let is_told =
            |name: &str| ["_PEERS_", "_SERVICES_", "_TLS_"].iter().any(|section| name.contains(section));
        for (name, _) in variables.iter().filter(|(name, _)| !is_told(name)) {
            assert!(text.contains(name), "{name}");
        }
    }
}

#[test]
fn the_environment_counts_more_than_the_file() {
    let variables = [
        ("DATABASE_URL", "postgresql://elsewhere/risk"),
        ("RIALTO_LISTEN", "127.0.0.1:9"),
        ("RIALTO_PEERS_TRADING", "http://a:1, http://b:2"),
    ];
    let read = of(&example(RISK), &variables).unwrap();
    assert_eq!(read.database_url, "postgresql://elsewhere/risk");
    assert_eq!(read.listen.port(), 9);
    assert_eq!(read.peers.trading, ["http://a:1", "http://b:2"]);
    assert_eq!(read.peers.settlement.len(), 2, "what the environment does not say stays as it was");
}

#[test]
fn a_principals_rate_is_what_the_environment_says() {
    let keys = |name| OF_THE_GATEWAY.iter().find(|(known, _)| *known == name).unwrap().1;
    let said = [("RIALTO_RATE_PER_SECOND", "7"), ("RIALTO_RATE_BURST", "70")];
    let read = gateway(said.map(|(name, value)| (keys(name), value.to_owned())));
    assert_eq!(read.settings().rate, Rate { per_second: 7, burst: 70 });
}

#[test]
fn obs_2_traces_go_to_the_collector_that_is_named_all_of_them_unless_fewer_are_wanted() {
    let with = |variables: &[(&str, &str)]| of(&example(RISK), variables).unwrap().traces();
    let usual = with(&[]).unwrap().unwrap();
    assert_eq!((usual.endpoint.as_str(), usual.percent), ("http://collector.internal:4317", 100));
    let said = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://10.0.0.7:4317"), ("RIALTO_TRACES_PERCENT", "5")];
    let fewer = TraceSettings { endpoint: "http://10.0.0.7:4317".to_owned(), percent: 5 };
    assert_eq!(with(&said), Ok(Some(fewer)));
    for wrong in ["10.0.0.7:4317", "https://10.0.0.7:4317", "http://10.0.0.7", ""] {
        let why = with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", wrong)]).unwrap_err();
        assert!(why.starts_with("traces.endpoint: must be an address like http://"), "{why}");
    }
    let many = with(&[("RIALTO_TRACES_PERCENT", "101")]).unwrap_err();
    assert_eq!(many, "traces.percent: must be a number from 1 to 100");
    assert_eq!(gateway([]).traces().unwrap().unwrap().percent, 100);
}

#[test]
fn con_3_events_go_to_the_brokers_that_are_named() {
    let with = |variables: &[(&str, &str)]| of(&example(RISK), variables).map(|config| config.kafka());
    let usual = with(&[]).unwrap().unwrap().unwrap();
    assert_eq!((usual.brokers.split(',').count(), usual.replicas), (3, 3));
    let said = [("KAFKA_BROKERS", "10.0.0.7:9092"), ("RIALTO_KAFKA_REPLICAS", "1")];
    let settings = KafkaSettings { brokers: "10.0.0.7:9092".to_owned(), replicas: 1 };
    assert_eq!(with(&said), Ok(Ok(Some(settings))));
    let wrong = with(&[("KAFKA_BROKERS", "a:1,b")]).unwrap().unwrap_err();
    assert!(wrong.starts_with("kafka.brokers: must be host:port") && wrong.contains("\"b\""), "{wrong}");
    let none = with(&[("RIALTO_KAFKA_REPLICAS", "0")]).unwrap_err();
    assert!(none.starts_with("kafka.replicas: must be a number"), "{none}");
    let (without, _) =
        plain(&example(RISK)).split_once("[kafka]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(of(&without, &[]).unwrap().kafka(), Ok(None));
}

#[test]
fn what_is_wrong_is_named_with_its_key() {
    let with = |more: &str| of(&format!("{more}\n{}", example(RISK)), &[]).unwrap_err();
    assert!(with("databse = 1").contains("databse"), "{}", with("databse = 1"));
    let wrong = |variable: &str, value: &str| of(&example(RISK), &[(variable, value)]).unwrap_err();
    let listen = wrong("RIALTO_LISTEN", "7400");
    assert!(listen.starts_with("listen: ") && !listen.contains('\n'), "{listen}");
    let missing = of("", &[]).unwrap_err();
    assert!(missing.contains("data"), "{missing}");
    assert!(of("data = ", &[]).unwrap_err().contains("line 1"));
}

#[test]
fn the_other_services_must_be_named_and_the_own_one_not() {
    let said = |variable: &str, value: &str| {
        let config = of(&plain(&example(RISK)), &[(variable, value)]).unwrap();
        config.peers(Hosts::only(&[RISK]), Transport::Plain).err().unwrap()
    };
    assert!(said("RIALTO_PEERS_RISK", "http://a:1").contains("peers.risk: is this service itself"));
    assert!(said("RIALTO_PEERS_TRADING", "").contains("peers.trading: must name"));
    assert!(said("RIALTO_PEERS_TRADING", "a:1").contains("http://10.0.0.7:7411"));
}
