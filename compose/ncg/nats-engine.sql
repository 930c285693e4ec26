-- Flows into ClickHouse without our own writer: its NATS engine reads the enriched flows' protobuf.
-- docs: README.md beside this file, "Without the writer". ClickHouse 25.9 or later.
--
-- Before: the tables (enricher -clickhouse.migrate), proto/flow.proto in the server's
-- format_schemas folder, the stream, and its durable pull consumer "clickhouse". The engine makes
-- neither stream nor consumer.
--
-- A crash may lose what was under way, when this version of the engine acknowledges messages before
-- their rows are in a table; and a message that comes again makes rows twice: src_stream, src_seq,
-- src_idx and src_time_ns stay 0, so nothing tells them apart.

CREATE TABLE IF NOT EXISTS flows.flows_nats
(
    type String,
    time_received_ns UInt64,
    sequence_num UInt32,
    sampling_rate UInt64,
    sampler_address String,
    time_flow_start_ns UInt64,
    time_flow_end_ns UInt64,
    bytes UInt64,
    packets UInt64,
    src_addr String,
    dst_addr String,
    etype UInt32,
    proto UInt32,
    src_port UInt32,
    dst_port UInt32,
    in_if UInt32,
    out_if UInt32,
    src_mac UInt64,
    dst_mac UInt64,
    src_vlan UInt32,
    dst_vlan UInt32,
    vlan_id UInt32,
    ip_tos UInt32,
    forwarding_status UInt32,
    ip_ttl UInt32,
    ip_flags UInt32,
    tcp_flags UInt32,
    icmp_type UInt32,
    icmp_code UInt32,
    ipv6_flow_label UInt32,
    fragment_id UInt32,
    fragment_offset UInt32,
    src_as UInt32,
    dst_as UInt32,
    next_hop String,
    next_hop_as UInt32,
    src_net UInt32,
    dst_net UInt32,
    bgp_next_hop String,
    bgp_communities Array(UInt32),
    as_path Array(UInt32),
    mpls_ttl Array(UInt32),
    mpls_label Array(UInt32),
    mpls_ip Array(String),
    observation_domain_id UInt32,
    observation_point_id UInt32,
    layer_stack Array(UInt32),
    layer_size Array(UInt32),
    ipv6_routing_header_addresses Array(String),
    ipv6_routing_header_seg_left UInt32,
    src_country String,
    dst_country String,
    src_group String,
    dst_group String,
    src_context Map(String, String),
    dst_context Map(String, String),
    src_as_name String,
    dst_as_name String
)
ENGINE = NATS
SETTINGS
    nats_url = 'nats:4222',
    nats_username = 'flows',
    nats_password = 'NATS_PASSWORD of .env',
    nats_stream = 'goflow2-enriched',
    nats_subjects = 'goflow2.enriched',
    nats_consumer_name = 'clickhouse',
    nats_format = 'Protobuf',
    nats_schema = 'flow.proto:FlowMessage',
    nats_handle_error_mode = 'stream';

-- A message holds many flows, each with its length before it: that is the format Protobuf, not
-- ProtobufSingle.
CREATE MATERIALIZED VIEW IF NOT EXISTS flows.flows_nats_view TO flows.flows AS
WITH (bytes) -> toIPv6(IPv6NumToString(toFixedString(multiIf(
        length(bytes) = 4, concat(unhex('00000000000000000000ffff'), bytes),
        length(bytes) = 16, bytes,
        ''), 16))) AS address
SELECT
    type,
    fromUnixTimestamp64Nano(toInt64(time_received_ns), 'UTC') AS time_received_ns,
    sequence_num,
    sampling_rate,
    address(sampler_address) AS sampler_address,
    fromUnixTimestamp64Nano(toInt64(time_flow_start_ns), 'UTC') AS time_flow_start_ns,
    fromUnixTimestamp64Nano(toInt64(time_flow_end_ns), 'UTC') AS time_flow_end_ns,
    bytes,
    packets,
    address(src_addr) AS src_addr,
    address(dst_addr) AS dst_addr,
    etype,
    proto,
    src_port,
    dst_port,
    in_if,
    out_if,
    src_mac,
    dst_mac,
    src_vlan,
    dst_vlan,
    vlan_id,
    ip_tos,
    forwarding_status,
    ip_ttl,
    ip_flags,
    tcp_flags,
    icmp_type,
    icmp_code,
    ipv6_flow_label,
    fragment_id,
    fragment_offset,
    src_as,
    dst_as,
    address(next_hop) AS next_hop,
    next_hop_as,
    src_net,
    dst_net,
    address(bgp_next_hop) AS bgp_next_hop,
    bgp_communities,
    as_path,
    mpls_ttl,
    mpls_label,
    arrayMap(one -> address(one), mpls_ip) AS mpls_ip,
    observation_domain_id,
    observation_point_id,
    layer_stack,
    layer_size,
    arrayMap(one -> address(one), ipv6_routing_header_addresses) AS ipv6_routing_header_addresses,
    ipv6_routing_header_seg_left,
    src_country,
    dst_country,
    src_group,
    dst_group,
    src_context,
    dst_context,
    src_as_name,
    dst_as_name
FROM flows.flows_nats
WHERE _error = '';

-- Messages that are no flows, for a week.
CREATE TABLE IF NOT EXISTS flows.flows_nats_error
(
    time DateTime DEFAULT now(),
    error String,
    message String
)
ENGINE = MergeTree
ORDER BY time
TTL time + INTERVAL 7 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS flows.flows_nats_error_view TO flows.flows_nats_error AS
SELECT _error AS error, _raw_message AS message
FROM flows.flows_nats
WHERE _error != '';
