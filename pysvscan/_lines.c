/* The inner loop of core/selection.py, which is its spec: which lines are selected, and their stamps;
   and how many there are.

   One memchr finds a line's end, one more each star's: the star rule never backs up, so a line is
   read at most once for each pattern. Limited API: one build serves every Python from 3.11 on. */

#define _GNU_SOURCE /* memrchr */
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <string.h>

#define SHOWN_BYTES 1000 /* patterns see this much of a line, stamp included */

struct rule {
    int plus;
    const char *at, *end; /* what of the pattern a line must match after the stamp */
};

struct rules {
    int base; /* what becomes of a line that matches none */
    Py_ssize_t count;
    Py_ssize_t room; /* patterns see this much of a line after the stamp */
    struct rule *rule; /* the one that decides first comes first; to be freed with PyMem_Free */
};

/* What of a pattern is left to match once a line's bytes have been read, as match.after; NULL: no
   line that begins so matches. */
static const char *after(const char *at, const char *end, const char *byte, const char *stop)
{
    while (byte < stop) {
        if (at == end)
            return NULL;
        if (*at == '*') {
            if (++at == end)
                return at - 1;
            byte = memchr(byte, *at, stop - byte);
            if (!byte)
                return at - 1;
        } else if (*at++ != *byte++) {
            return NULL;
        }
    }
    return at;
}

static int is_selected(const struct rules *rules, const char *line, const char *end)
{
    if (end - line > rules->room)
        end = line + rules->room;
    for (Py_ssize_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rule[i];
        const char *at = after(rule->at, rule->end, line, end);
        if (at && (at == rule->end || (*at == '*' && at + 1 == rule->end)))
            return rule->plus;
    }
    return rules->base;
}

/* Work the stamp into the patterns; those before one that matches every line decide nothing. */
static int prepare(struct rules *rules, PyObject *words, const char *stamp, Py_ssize_t length)
{
    Py_ssize_t many = PyTuple_Size(words);
    if (many < 0)
        return -1;
    rules->rule = PyMem_Malloc((many + 1) * sizeof(struct rule));
    if (!rules->rule) {
        PyErr_NoMemory();
        return -1;
    }
    rules->base = 1;
    rules->count = 0;
    rules->room = SHOWN_BYTES - length;
    while (many--) {
        char *word;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(words, many), &word, &size) < 0) {
            PyMem_Free(rules->rule);
            return -1;
        }
        struct rule rule = { *word == '+', NULL, word + size };
        rule.at = after(word + (size > 0), rule.end, stamp, stamp + length);
        if (rule.at && *rule.at == '*' && rule.at + 1 == rule.end) {
            rules->base = rule.plus;
            break;
        }
        if (rule.at)
            rules->rule[rules->count++] = rule;
    }
    while (rules->count && rules->rule[rules->count - 1].plus == rules->base)
        rules->count--;
    return 0;
}

struct text {
    char *at;
    Py_ssize_t used, room;
};

/* Add a stamped line, with room for more of the kind; -1: no memory. */
static int add(struct text *text, const char *stamp, Py_ssize_t length, const char *line,
               Py_ssize_t size)
{
    if (text->used + length + size > text->room) {
        Py_ssize_t room = (text->used + length + size) * 2 + 65536;
        char *at = PyMem_Realloc(text->at, room);
        if (!at)
            return -1;
        text->at = at;
        text->room = room;
    }
    memcpy(text->at + text->used, stamp, length);
    memcpy(text->at + text->used + length, line, size);
    text->used += length + size;
    return 0;
}

static PyObject *join(const char *head, Py_ssize_t length, const char *text, Py_ssize_t size)
{
    PyObject *joined = PyBytes_FromStringAndSize(NULL, length + size);
    if (joined) {
        memcpy(PyBytes_AsString(joined), head, length);
        if (size)
            memcpy(PyBytes_AsString(joined) + length, text, size);
    }
    return joined;
}

static int check(Py_ssize_t length, Py_ssize_t start, Py_ssize_t end, const char *data)
{
    if (start < 0 || start > end || end > length || (end > start && data[end - 1] != '\n')) {
        PyErr_SetString(PyExc_ValueError, "these are not complete lines");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(select_doc, "select(head, data, start, end, stamp, words) -> bytes\n\n"
                         "As selection.Selection(words).select(head, data, start, end, stamp).");

/* Not by "y#": what it needs differs from 3.13 on, and one build serves all versions. */
static const char *text_of(PyObject *bytes, Py_ssize_t *length)
{
    *length = PyBytes_Size(bytes);
    return PyBytes_AsString(bytes);
}

static PyObject *lines_select(PyObject *module, PyObject *args)
{
    const char *head, *data, *stamp;
    Py_ssize_t head_length, length, start, end, stamp_length;
    PyObject *given[3], *words;
    struct rules rules;
    (void)module;
    if (!PyArg_ParseTuple(args, "SSnnSO", &given[0], &given[1], &start, &end, &given[2], &words))
        return NULL;
    head = text_of(given[0], &head_length);
    data = text_of(given[1], &length);
    stamp = text_of(given[2], &stamp_length);
    if (check(length, start, end, data) < 0 || prepare(&rules, words, stamp, stamp_length) < 0)
        return NULL;
    if (!rules.count && (!stamp_length || !rules.base)) { /* all lines are one, or none */
        PyMem_Free(rules.rule);
        return join(head, head_length, data + start, rules.base ? end - start : 0);
    }
    struct text text = { NULL, 0, 0 };
    PyObject *joined;
    const char *line = data + start, *stop = data + end, *next;
    for (; line < stop; line = next) {
        next = (const char *)memchr(line, '\n', stop - line) + 1;
        if (is_selected(&rules, line, next - 1)
            && add(&text, stamp, stamp_length, line, next - line) < 0)
            break;
    }
    joined = line < stop ? PyErr_NoMemory() : join(head, head_length, text.at, text.used);
    PyMem_Free(text.at);
    PyMem_Free(rules.rule);
    return joined;
}

PyDoc_STRVAR(last_doc, "last(data, start, end, stamp, words) -> int\n\n"
                       "As selection.Selection(words).last(data, start, end, stamp).");

static PyObject *lines_last(PyObject *module, PyObject *args)
{
    const char *data, *stamp;
    Py_ssize_t length, start, end, stamp_length, found = -1;
    PyObject *given[2], *words;
    struct rules rules;
    (void)module;
    if (!PyArg_ParseTuple(args, "SnnSO", &given[0], &start, &end, &given[1], &words)) return NULL;
    data = text_of(given[0], &length);
    stamp = text_of(given[1], &stamp_length);
    if (check(length, start, end, data) < 0 || prepare(&rules, words, stamp, stamp_length) < 0)
        return NULL;
    while (start < end) {
        const char *before = memrchr(data + start, '\n', end - 1 - start);
        Py_ssize_t begin = before ? before + 1 - data : start;
        if (is_selected(&rules, data + begin, data + end - 1))
            found = begin, start = end;
        end = begin;
    }
    PyMem_Free(rules.rule);
    return PyLong_FromSsize_t(found);
}

PyDoc_STRVAR(count_doc, "count(data) -> int\n\nAs data.count(b'\\n').");

/* By blocks: compilers make vectors of a loop whose length is known. */
static PyObject *lines_count(PyObject *module, PyObject *bytes)
{
    enum { BLOCK = 128 };
    Py_ssize_t left, count = 0;
    const char *at = PyBytes_AsString(bytes);
    (void)module;
    if (!at)
        return NULL;
    for (left = PyBytes_Size(bytes); left >= BLOCK; left -= BLOCK, at += BLOCK) {
        unsigned char some = 0;
        for (int i = 0; i < BLOCK; i++)
            some += at[i] == '\n';
        count += some;
    }
    while (left-- > 0)
        count += *at++ == '\n';
    return PyLong_FromSsize_t(count);
}

static PyMethodDef methods[] = {
    { "count", lines_count, METH_O, count_doc },
    { "select", lines_select, METH_VARARGS, select_doc },
    { "last", lines_last, METH_VARARGS, last_doc },
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_lines", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__lines(void)
{
    return PyModule_Create(&module);
}
