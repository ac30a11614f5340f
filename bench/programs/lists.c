/* Linked structures: a binary search tree and lists, with allocation and release. */
#include "common.h"

struct node {
    struct node *left, *right;
    uint32_t key, count;
};

static struct node *insert(struct node *top, uint32_t key) {
    struct node **at = &top;
    while (*at && (*at)->key != key)
        at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    if (!*at) {
        *at = calloc(1, sizeof **at);
        (*at)->key = key;
    }
    (*at)->count++;
    return top;
}

static uint32_t clear(struct node *n, uint32_t depth) {
    if (!n)
        return 0;
    uint32_t sum = clear(n->left, depth + 1) + clear(n->right, depth + 1) + n->count * depth;
    free(n);
    return sum;
}

int main(int argc, char **argv) {
    uint32_t state = 11, sum = 0;
    for (int r = rounds(argc, argv, 110); r > 0; r--) {
        struct node *top = NULL;
        for (int i = 0; i < 6000; i++)
            top = insert(top, next_random(&state) % 5000);
        sum = sum * 7 + clear(top, 1);
    }
    printf("%u\n", sum);
}
