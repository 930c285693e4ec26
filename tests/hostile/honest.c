#include "tests/hostile/honest.h"

#include "tests/hostile/notation.h"

#include <assert.h>
#include <stdlib.h>

// Templates: bytes, packets, protocol, ports, addresses, uptimes (v9) or milliseconds (IPFIX).
const struct honest HONEST[HONEST_COUNT] = {
    {.address = "192.0.2.5",
     .port = 2055,
     .learn = NULL,
     .data = "v5(1: 0a050001 0a050002 0a0500fe 0001 0002 00000003 00000b40 00001388 00001770"
             " 3039 01bb 00 18 06 00 fde8 fde9 18 10 0000)",
     .shows = "src_addr=10.5.0.1 dst_addr=10.5.0.2 etype=IPv4 proto=TCP src_port=12345"},
    {.address = "192.0.2.9",
     .port = 2055,
     .learn = "v9(9: set(0: 0100 0009 00010004 00020004 00040001 00070002 000b0002 00080004"
              " 000c0004 00160004 00150004)"
              " set(1: 0101 0004 0004 00010004 00220004) set(101: 00000001 00000064))",
     .data = "v9(9: set(100: 00000b40 00000003 06 3039 01bb 0a090001 0a090002 00001388 00001770"
             " 000000))",
     .shows = "sampling_rate=100 sampler_address=192.0.2.9 "},
    {.address = "192.0.2.10",
     .port = 4739,
     .learn = "ipfix(10: set(2: 0100 0009 00010008 00020008 00040001 00070002 000b0002 001b0010"
              " 001c0010 00980008 00990008)"
              " set(3: 0101 0002 0001 012e0001 01310004) set(101: 01 00000200 000000))",
     .data = "ipfix(10: set(100: 0000000000000b40 0000000000000003 11 0035 3039"
             " 20010db8000000000000000000000001 20010db8000000000000000000000002"
             " 0000018bcfe56000 0000018bcfe56800))",
     .shows = "src_addr=2001:db8::1 dst_addr=2001:db8::2 etype=IPv6 proto=UDP src_port=53"},
    {.address = "192.0.2.6",
     .port = 6343,
     .learn = NULL,
     .data = "sflow(1: item(1: 00000001 00000100 00000400 00000000 00000000 00000001 00000002"
             " 00000001 item(1: 0000000b 00000064 00000004 00000028"
             " 45000060 12344000 3f06aaaa 0a060001 0a060002"
             " 01bb3039 00000001 00000002 50180400 beef0000)))",
     .shows = "src_addr=10.6.0.1 dst_addr=10.6.0.2 etype=IPv4 proto=TCP src_port=443"},
};

static void send_text(struct decoder *decoder, unsigned i, const char *text, uint64_t received_ns)
{
    uint8_t *bytes = malloc(NOTATION_BYTES_MAX);
    assert(bytes != NULL);
    struct datagram datagram = {.data = bytes, .port = HONEST[i].port, .received_ns = received_ns};
    datagram.len = notation_read(bytes, text, "honest.c");
    int error = addr_parse(&datagram.source, HONEST[i].address);
    assert(error == 0);
    (void)error;
    decoder_run(decoder, DECODE_FLOW, &datagram);
    free(bytes);
}

void honest_learn(struct decoder *decoder, unsigned i, uint64_t received_ns)
{
    if (HONEST[i].learn != NULL)
        send_text(decoder, i, HONEST[i].learn, received_ns);
}

void honest_data(struct decoder *decoder, unsigned i, uint64_t received_ns)
{
    send_text(decoder, i, HONEST[i].data, received_ns);
}
