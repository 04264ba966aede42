#include "edge/web/configuration.hpp"

namespace dayaq::edge::web {

std::string_view example_configuration() {
  return R"yaml(# A Dayaq edge. `dayaq-edge --config edge.yaml --check` says what is wrong here, by line and field.
# Paths without a leading slash are of this file's folder. Times: 250ms, 5s, 10min, 2h. Data: 100MiB, 2GB.

operator: azercell            # the operator's code at the centre
name: baku-1                  # this edge, as `dayaq edge enrol` named it
number: 1                     # of this edge among the operator's, 1 to 16; no two have the same, nor ever had
edges: 1                      # how many edges the operator runs
# joined: 2026-11-22          # in the place of a lost one: no share of its own in quotas of periods before this day
line: mobile                  # mobile, fixed or tv: what the network's subscribers are
zone: Asia/Baku               # quota periods are civil days, weeks and months here
data: /var/lib/dayaq-edge     # replica, journal, accounts; a disk that keeps its word about fdatasync
when_disk_full: grant         # grant (and count later from the operator's records) or refuse
sibling_silence: 5s           # a sibling that is silent for longer is taken for gone
settle_every: 60s             # how often usage goes to the centre
resources_every: 60s          # how often the centre is asked for a newer list of zero-rated resources
# resources_version: 17       # of the list that the network uses, if it gets no rules over Gx; for settlements

centre:
  url: https://centre.dayaq.example
  client_file: client.jwk     # this edge's OAuth client, as `dayaq edge enrol` made it
  key_file: centre.pub        # the centre's public keys, 64 hexadecimal digits a line; two while it changes its key
  # tls_authority: centre-ca.pem

feed_key_file: feed.key       # 32 hexadecimal digits; makes subscribers' numbers into pseudonyms
signing_key_file: edge.pem    # this edge's own Ed25519 key; signs settlements

# What the network can ask for. Of Diameter, the first line that fits holds. A service that only HTTP, RADIUS or TV
# ask for needs no context.
services:
  - {service: voice, context: 32260@3gpp.org}
  - {service: messages, context: 32274@3gpp.org}
  # - {service: relay, context: 32251@3gpp.org, rating_groups: [900]}   # always the charging system's
  - {service: "data:education", context: 32251@3gpp.org, rating_groups: [100, 101]}
  - {service: "data:communication", context: 32251@3gpp.org, rating_groups: [110]}
  - {service: "data:all", context: 32251@3gpp.org}
  - {service: "tv:all"}

# How much is granted at once. Larger slices: fewer questions; smaller: less is lost when an edge is away.
slices:
  data: 100MiB
  voice: 10min
  messages: 10
  tv: 5min
  data_validity: 1h
  voice_validity: 30min
  tv_validity: 60s

# Gy and Ro. Leave the part out if the network speaks no Diameter.
diameter:
  origin_host: edge1.azercell.example
  origin_realm: azercell.example
  address: 0.0.0.0
  port: 3868
  # tls_port: 5868
  # tls_certificate: edge.crt
  # tls_key: edge.key
  # tls_authority: network-ca.pem
  clients:                    # who may connect; "*" is anybody
    - {origin_host: pgw1.azercell.example}
  charging_systems:           # what no grant covers goes to the first that answers
    - {origin_host: ocs1.azercell.example, address: "10.1.2.3:3868"}
    - {origin_host: ocs2.azercell.example, address: "10.1.2.4:3868"}
  # realms: [mnc001.mcc400.3gppnetwork.org]
  watchdog: 30s
  # reconnect: 30s
  relay_timeout: 4s
  # peers_max: 1000
  # in_flight_max: 65536
  re_auth_per_second: 50000
  limited_filter_id: dayaq-limited
  # limited_filter_rules: ["permit out ip from 10.9.0.0/16 to any"]
  # understood_vendors: [9, 193]   # whose AVPs that must be understood, and aren't, are let pass
  # sessions_max: 16777216
  # redirect_url: https://pay.azercell.example/
  threshold_percent: 15
  gx: true                    # install the rules of the centre's list by name (Gx) where the network asks for them

# RADIUS, for broadband and hotspots.
# radius:
#   address: 0.0.0.0
#   auth_port: 1812
#   acct_port: 1813
#   radsec_port: 2083
#   tls_certificate: edge.crt
#   tls_key: edge.key
#   tls_authority: network-ca.pem
#   radsec_changes: true      # CoA goes back on the connection that the NAS opened
#   clients:
#     - {address: 10.0.0.0/8, secret: change-me, coa_address: "10.0.0.1:3799"}
#   service: "data:all"       # what a session of unmarked traffic is counted as
#   profiles:
#     - {service: "data:education", attributes: ["Filter-Id=edu"]}
#   limited: ["Filter-Id=limited"]
#   normal: ["Filter-Id=none"]  # puts a session back to what it was without a grant
#   volume: ["Mikrotik-Total-Limit={total}", "Mikrotik-Total-Limit-Gigawords={gigawords}"]  # for a NAS that counts
#   volume_slice: 100MiB
#   accept_without_password: false
#   unpaid_reply: unpaid      # in the Reply-Message of who hasn't paid: limited service while payments are deferred
#   copy_accounting: false    # proxy_acct gets what is ours too
#   session_timeout: 1d
#   proxy_auth: 10.1.2.3:1812
#   proxy_acct: 10.1.2.3:1813
#   proxy_secret: change-me
#   proxy_require_message_authenticator: true
#   interim: 10min
#   coa_per_second_per_nas: 200

# TV: an auth_request endpoint for nginx, and tokens for a CDN.
# tv:
#   line: fixed               # what the line id in the header is a number of
#   channels:
#     - {name: news, prefix: /hls/news/, package: "tv:all"}
#   line_header: X-Line-Id
#   token_argument: hdnts
#   token_key_file: tv.key    # hexadecimal, shared with the CDN
#   secure_link_file: tv.secret
#   passes: true              # cookies by which nginx knows a viewer until the answer runs out
#   token_life: 5min
#   allow_for: 10s
#   deny_for: 5s
#   heartbeat: 30s
#   viewers_max: 2000000

# The decision API, the page, /metrics and /health/ready.
http:
  address: 127.0.0.1
  port: 8090
  # io_threads: 1
  # tls_certificate: edge.crt
  # tls_key: edge.key
  token_file: http.token      # tokens of at least 16 characters, one a line

# The operator's other edges.
# siblings:
#   - {name: baku-2, number: 2, url: "https://edge2.azercell.example:8090", token_file: baku-2.token}
)yaml";
}

}  // namespace dayaq::edge::web
