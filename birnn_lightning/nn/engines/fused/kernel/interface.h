/* What the kernel takes: the structures that `calls.py` mirrors. */
#ifndef INTERFACE_H
#define INTERFACE_H

#include <stdint.h>

enum { RNN, LSTM, GRU_RESET_AFTER, GRU_RESET_BEFORE };

/* The valid steps of a batch, row after row, are its tokens. */
typedef struct {
    int64_t rows, time;
    const int64_t *offsets; /* (rows + 1): the first token of each row */
    const int64_t *places;  /* (tokens): where a token stands in (batch * time); NULL: at its number */
    const int64_t *order;   /* (rows): the longest first; NULL: all are equally long */
} Batch;

/* One direction. Arrays are of the kernel's precision and in C order; weights in torch's layout.
   `padded` is hidden_size rounded up to whole vectors; what lies between is not defined unless said. */
typedef struct {
    int64_t input_size, hidden_size;
    int64_t cell, activation, recurrent_activation, reverse;
    int64_t bfloat16;       /* factors of products are rounded to it; for float32, without `factor` */
    int64_t output_stride;  /* from one place to the next in outputs, from one row to the next in final states */
    const int64_t *tokens;  /* (rows * time): which of the rows of `inputs` stands at a place; NULL: its own */
    const void *inputs;     /* input_size apart; NULL where `projected` is given */
    const void *projected;  /* (tokens, gates, padded): inputs times weight_ih, or NULL */
    const void *weight_ih;  /* (gates * hidden, input_size) */
    const void *weight_hh;  /* (gates * hidden, hidden) */
    const void *bias_ih;    /* (gates * hidden) or NULL */
    const void *bias_hh;    /* (gates * hidden) or NULL */
    const void *factor;     /* (rows, gates, hidden): dropout factors of the state, or NULL */
    const void *initial_h, *initial_c; /* (rows, hidden); NULL: zero */
    void *outputs;          /* by place, zero without a token; NULL: not wanted */
    void *final_h, *final_c; /* by row; NULL: not wanted */
    void *saved;            /* (tokens, saved values * padded) for the backward pass: `saved_at`; or NULL */
    void *previous;         /* (tokens, padded): the state before each token, or NULL */
} Forward;

/* What runs at once: both directions of a layer, or one. Its rows are shared by `chunks` tasks a direction. */
typedef struct {
    const Forward *directions;
    int64_t count, chunks;
} Layer;

/* The gradients of one direction; `of` is what ran forward. What is NULL is not wanted. Those of weights and
   biases stand apart by chunk: they are yet to be summed. Rows of weights are padded to whole vectors. */
typedef struct {
    const Forward *of;
    const void *outputs;             /* as far apart as those of the forward pass; NULL: zero */
    const void *final_h, *final_c;   /* likewise */
    void *inputs;                    /* by place, input_size apart, zero without a token */
    void *projected;                 /* (tokens, gates, padded), zero in the padding */
    void *weight_ih;                 /* (chunks, gates * hidden, input_size padded) */
    void *weight_hh;                 /* (chunks, gates * hidden, padded) */
    void *bias_ih, *bias_hh;         /* (chunks, gates * hidden) */
    void *initial_h, *initial_c;     /* (rows, hidden) */
} Backward;

#endif
