/* Functions of vectors take a group of them, a stage at a time: the processor works on the others while it
   waits for one. A group is one vector of each of a few rows. */
#ifndef GROUPS_H
#define GROUPS_H

#define EACH(...) UNROLL for (int v = 0; v < GROUP; v++) { __VA_ARGS__; }

/* The last group may have fewer `rows`: something is computed for the others, but nothing written. */
#define EACH_ROW(...) EACH(if (v < rows) { __VA_ARGS__; })
#define SOME_ROW (v < rows ? v : 0)

/* How many rows the group that starts at `row` has. */
INLINE int group_rows(int64_t rows, int64_t row)
{
    return rows - row < GROUP ? (int)(rows - row) : GROUP;
}

#endif
