#include "collector/balance.h"

#include "common/base/cursor.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

// Offsets from the IP header, wherever the kernel's packet begins.
#define NET(offset) ((uint32_t)SKF_NET_OFF + (offset))

// Multiply and shift: exporters are often numbered so that their addresses alone, modulo the
// sockets, all meet the same one.
#define MIXER 0x9E3779B1u
#define SHIFT 16

#define PROGRAM_MAX 64

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short len;
};

static void put(struct program *program, unsigned code, uint32_t k, uint8_t if_true,
                uint8_t if_false)
{
    assert(program->len < PROGRAM_MAX);
    program->code[program->len++] = (struct sock_filter){
        .code = (uint16_t)code, .jt = if_true, .jf = if_false, .k = k};
}

static void put_plain(struct program *program, unsigned code, uint32_t k)
{
    put(program, code, k, 0, 0);
}

// X = X xor word at `offset`, leaving the result in A as well.
static void fold_word(struct program *program, uint32_t offset)
{
    put_plain(program, BPF_LD | BPF_W | BPF_ABS, offset);
    put_plain(program, BPF_ALU | BPF_XOR | BPF_X, 0);
    put_plain(program, BPF_MISC | BPF_TAX, 0);
}

static void finish(struct program *program, unsigned sockets)
{
    put_plain(program, BPF_ALU | BPF_MUL | BPF_K, MIXER);
    put_plain(program, BPF_ALU | BPF_RSH | BPF_K, SHIFT);
    put_plain(program, BPF_ALU | BPF_MOD | BPF_K, sockets);
    put_plain(program, BPF_RET | BPF_A, 0);
}

// RFC 791: the source address at 12. The UDP source port stands behind a header of 4 * IHL bytes.
static void put_ipv4(struct program *program, bool with_port, unsigned sockets)
{
    if (with_port) {
        put_plain(program, BPF_LDX | BPF_B | BPF_MSH, NET(0));
        put_plain(program, BPF_LD | BPF_H | BPF_IND, NET(0));
        put_plain(program, BPF_MISC | BPF_TAX, 0);
        fold_word(program, NET(12));
    } else {
        put_plain(program, BPF_LD | BPF_W | BPF_ABS, NET(12));
    }
    finish(program, sockets);
}

// RFC 8200: the source address at 8. Behind extension headers the port is not looked for.
static void put_ipv6(struct program *program, bool with_port, unsigned sockets)
{
    if (with_port) {
        put_plain(program, BPF_LDX | BPF_IMM, 0);
        put_plain(program, BPF_LD | BPF_B | BPF_ABS, NET(6));
        put(program, BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 2);
        put_plain(program, BPF_LD | BPF_H | BPF_ABS, NET(40));
        put_plain(program, BPF_MISC | BPF_TAX, 0);
    } else {
        put_plain(program, BPF_LDX | BPF_IMM, 0);
    }
    for (uint32_t offset = 8; offset < 24; offset += 4)
        fold_word(program, NET(offset));
    finish(program, sockets);
}

static void put_address(struct program *program, bool with_port, unsigned sockets)
{
    struct program ipv4 = {.len = 0};
    put_ipv4(&ipv4, with_port, sockets);
    // IPv4 arrives as IPv4 on a dual-stack socket too: only the version nibble tells.
    put_plain(program, BPF_LD | BPF_B | BPF_ABS, NET(0));
    put_plain(program, BPF_ALU | BPF_RSH | BPF_K, 4);
    put(program, BPF_JMP | BPF_JEQ | BPF_K, 6, (uint8_t)ipv4.len, 0);
    put_ipv4(program, with_port, sockets);
    put_ipv6(program, with_port, sockets);
}

static void put_random(struct program *program, unsigned sockets)
{
    put_plain(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_RANDOM);
    put_plain(program, BPF_ALU | BPF_MOD | BPF_K, sockets);
    put_plain(program, BPF_RET | BPF_A, 0);
}

int balance_attach(int fd, enum listen_balance balance, unsigned sockets)
{
    struct program program = {.len = 0};
    if (balance == LISTEN_BALANCE_PACKET)
        put_random(&program, sockets);
    else
        put_address(&program, balance == LISTEN_BALANCE_ADDRESS_PORT, sockets);
    const struct sock_fprog all = {.len = program.len, .filter = program.code};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &all, sizeof all) != 0)
        return -errno;
    return 0;
}

unsigned balance_pick(enum listen_balance balance, const struct addr *source, uint16_t port,
                      unsigned sockets)
{
    uint32_t folded = balance == LISTEN_BALANCE_ADDRESS_PORT ? port : 0;
    if (balance == LISTEN_BALANCE_PACKET)
        return sockets;
    for (unsigned i = 0; i + 4 <= source->len; i += 4)
        folded ^= bytes_u32(source->bytes + i);
    return (folded * MIXER >> SHIFT) % sockets;
}
