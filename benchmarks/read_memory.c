/* How fast memory can be read: the sum of a buffer, and nothing else. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

uint64_t read_memory(const uint8_t *bytes, size_t n) {
    uint64_t sums[32] = {0};
    for (size_t i = 0; i + sizeof sums <= n; i += sizeof sums) {
        uint64_t words[32];
        memcpy(words, bytes + i, sizeof words);
        for (int j = 0; j < 32; j++) sums[j] += words[j];
    }
    for (int j = 1; j < 32; j++) sums[0] += sums[j];
    return sums[0];
}
