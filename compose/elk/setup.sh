#!/bin/sh
# setup.sh users|integration: what Elasticsearch and Kibana must be told once. It may be told again.
set -eu
ELASTICSEARCH=${ELASTICSEARCH:-http://elasticsearch:9200}
KIBANA=${KIBANA:-http://kibana:5601}

# send METHOD URL [BODY]: the password goes in by stdin, so that no list of processes shows it.
send() {
    printf 'user = "elastic:%s"\n' "$ELASTIC_PASSWORD" |
        curl -sS --fail-with-body -K - -X "$1" "$2" \
            -H 'Content-Type: application/json' -H 'kbn-xsrf: true' -d "${3-}"
}

case ${1-} in
    users)
        send POST "$ELASTICSEARCH/_security/user/kibana_system/_password" \
            "{\"password\":\"$KIBANA_PASSWORD\"}"
        send PUT "$ELASTICSEARCH/_security/role/flow_writer" \
            '{"cluster":["monitor"],"indices":[{"names":["logs-goflow2.sflow-*"],
              "privileges":["auto_configure","create_doc"]}]}'
        send PUT "$ELASTICSEARCH/_security/user/flow_writer" \
            "{\"password\":\"$WRITER_PASSWORD\",\"roles\":[\"flow_writer\"]}"
        ;;
    integration)
        send POST "$KIBANA/api/fleet/epm/packages/goflow2/$INTEGRATION_VERSION?prerelease=true" \
            '{"force":true}'
        ;;
    *)
        echo "usage: setup.sh users|integration" >&2
        exit 2
        ;;
esac
