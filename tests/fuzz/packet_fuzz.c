// A sampled header, from each layer that one can begin with. Input: a byte that says which, the
// header.
#include "collector/decode/packet/packet.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct flow flow;
    if (len == 0)
        return 0;
    uint8_t *bytes = fuzz_copy(data + 1, len - 1);
    flow_reset(&flow);
    packet_parse(&flow, (enum packet_start)(data[0] % (PACKET_MPLS + 1)), bytes, len - 1);
    size_t layers;
    size_t sizes;
    (void)flow_num_list(&flow, FLOW_LAYER_STACK, &layers);
    (void)flow_num_list(&flow, FLOW_LAYER_SIZE, &sizes);
    FUZZ_REQUIRE(layers == sizes && layers <= FLOW_LIST_MAX);
    fuzz_format_flow(&flow);
    free(bytes);
    return 0;
}
