//! Configurations with everything in them, as `rialto config example` prints them.

use engine::Context;

/// A file with everything in it, for the gateway.
pub(crate) const GATEWAY_EXAMPLE: &str = "\
# rialto serve gateway --config gateway.toml
# Each key can also be given by the environment variable named beside it, which then counts.

# Where this process notes its address and the tokens that are revoked, made if it is not there. (RIALTO_DATA)
data = \"/var/lib/rialto/gateway-a\"

# The directory with the key that tokens are signed by, the same for all processes. (RIALTO_KEYS; if left out: data)
keys = \"/etc/rialto\"

# Where it listens. (RIALTO_LISTEN)
listen = \"127.0.0.1:7400\"

# Where this gateway and others like it tell each other what they let in, so that a principal's rate holds for all of them
# together. Without it, or while Redis is away, it holds for each of them. (REDIS_URL)
redis_url = \"redis://redis.internal:6379\"

# Requests of one principal, an order of a batch counting as one: in the long run, and at once after a pause. Without this
# section 50000 and 50000. (RIALTO_RATE_PER_SECOND and RIALTO_RATE_BURST)
[rate]
per_second = 50000
burst = 50000

# Where the HTTP API of each service's replicas is. (RIALTO_SERVICES_TRADING and so on, with commas between)
[services]
trading = [\"https://trading-a.internal:7410\", \"https://trading-b.internal:7410\"]
settlement = [\"https://settlement-a.internal:7420\", \"https://settlement-b.internal:7420\"]
risk = [\"https://risk-a.internal:7430\", \"https://risk-b.internal:7430\"]
compliance = [\"https://compliance-a.internal:7440\", \"https://compliance-b.internal:7440\"]

# The collector that traces are told to, by OTLP over gRPC without TLS, and how many of a hundred. Without this section nobody is
# told. (OTEL_EXPORTER_OTLP_ENDPOINT and RIALTO_TRACES_PERCENT)
[traces]
endpoint = \"http://collector.internal:4317\"
percent = 100

# Mutual TLS towards the services: this process is spiffe://cluster.local/ns/finance/sa/order-service. Files that change are
# read again. Without this section connections are plain, and addresses begin with http://. (RIALTO_TLS_CERTIFICATE and so on)
[tls]
certificate = \"/etc/rialto/certs/order-service.pem\"
key = \"/etc/rialto/certs/order-service-key.pem\"
authorities = \"/etc/rialto/certs/authorities.pem\"
";

/// A file with everything in it, for the service that is named.
pub(crate) fn example(service: Context) -> String {
    let mut text = format!(
        "\
# rialto serve {service} --config {service}.toml
# Each key can also be given by the environment variable named beside it, which then counts.

# Views, audit log and snapshots of this process, made if it is not there. One directory for each process. (RIALTO_DATA)
data = \"/var/lib/rialto/{service}-a\"

# The directory with the key that tokens are signed by, the same for all processes. (RIALTO_KEYS; if left out: data)
keys = \"/etc/rialto\"

# Where the HTTP API listens. (RIALTO_LISTEN)
listen = \"127.0.0.1:7410\"

# Where messages of the other services are taken. (RIALTO_POST_LISTEN)
post_listen = \"127.0.0.1:7411\"

# Where /healthz, /readyz and /metrics are answered over plain HTTP, to those who have no certificate. (RIALTO_PROBE_LISTEN)
# probe_listen = \"127.0.0.1:7412\"

# Where others find the HTTP API, if not where it listens. (RIALTO_ADVERTISE)
# advertise = \"https://{service}-a.internal:7410\"

# The service's own database, prepared by rialto migrate. All replicas of the service share it. (DATABASE_URL)
database_url = \"postgresql://rialto@db/{service}\"

# Where the replicas of the other services take messages. (RIALTO_PEERS_TRADING and so on, with commas between)
[peers]
"
    );
    for (other, port) in
        Context::ALL.into_iter().zip([7411, 7421, 7431, 7441]).filter(|(other, _)| *other != service)
    {
        text += &format!(
            "{other} = [\"https://{other}-a.internal:{port}\", \"https://{other}-b.internal:{port}\"]\n"
        );
    }
    text
        + &format!(
            "
# Where this service's events go, on topic {service}-events. Without this section they go nowhere.
[kafka]
# Some of the brokers. (KAFKA_BROKERS)
brokers = \"kafka-1:9092,kafka-2:9092,kafka-3:9092\"
# Copies of a topic that is made. (RIALTO_KAFKA_REPLICAS; if left out: 3)
# replicas = 3

# The collector that traces are told to, by OTLP over gRPC without TLS. Without this section nobody is told.
[traces]
# (OTEL_EXPORTER_OTLP_ENDPOINT)
endpoint = \"http://collector.internal:4317\"
# How many of a hundred, the same ones in every process. (RIALTO_TRACES_PERCENT; if left out: 100)
# percent = 100

# Mutual TLS between all processes: this one is spiffe://cluster.local/ns/finance/sa/{service}-service. Files that change are
# read again. Without this section connections are plain, and addresses begin with http://. (RIALTO_TLS_CERTIFICATE and so on)
[tls]
certificate = \"/etc/rialto/certs/{service}-service.pem\"
key = \"/etc/rialto/certs/{service}-service-key.pem\"
authorities = \"/etc/rialto/certs/authorities.pem\"
"
        )
}
