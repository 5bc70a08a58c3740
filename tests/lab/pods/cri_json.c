/* SPDX-License-Identifier: Apache-2.0
 * cri_json.c - CRI messages from and to JSON.
 * Trust: test tooling; believes descriptors, checks JSON and text.
 */
#include "cri_json.h"

#include "cri.pb-c.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void *at(void *m, size_t offset)
{
    return (uint8_t *)m + offset;
}
static const void *at_const(const void *m, size_t offset)
{
    return (const uint8_t *)m + offset;
}

static void message_freep(ProtobufCMessage **m)
{
    if (*m != NULL) {
        protobuf_c_message_free_unpacked(*m, /* allocator= */ NULL);
    }
}

static bool is_map(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_MESSAGE && f->label == PROTOBUF_C_LABEL_REPEATED &&
           f->descriptor == &runtime__v1__pair__descriptor;
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default: /* int32, uint32, bool, enum */
        return sizeof(int32_t);
    }
}

/* --- from JSON --- */

static enum cl_status message_from(const ProtobufCMessageDescriptor *type, const json_t *j,
                                   unsigned depth, ProtobufCMessage **ret_m, struct cl_err *err);

static enum cl_status expected(const ProtobufCFieldDescriptor *f, const char *what,
                               struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %s, got something else", f->name, what);
}

static enum cl_status string_from(const ProtobufCFieldDescriptor *f, const json_t *j, void *slot,
                                  struct cl_err *err)
{
    const char *text = json_string_value(j);
    if (text == NULL || strlen(text) != json_string_length(j)) {
        return expected(f, "a string", err);
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return cl_err_nomem(err, f->name);
    }
    memcpy(slot, &copy, sizeof(copy));
    return CL_OK;
}

static enum cl_status enum_from(const ProtobufCFieldDescriptor *f, const json_t *j, void *slot,
                                struct cl_err *err)
{
    const ProtobufCEnumDescriptor *type = f->descriptor;
    const ProtobufCEnumValue *value = NULL;
    if (json_is_string(j)) {
        value = protobuf_c_enum_descriptor_get_value_by_name(type, json_string_value(j));
    } else if (json_is_integer(j) && json_integer_value(j) >= 0 && json_integer_value(j) <= 1024) {
        value = protobuf_c_enum_descriptor_get_value(type, (int)json_integer_value(j));
    }
    if (value == NULL) {
        return expected(f, type->short_name, err);
    }
    int32_t number = value->value;
    memcpy(slot, &number, sizeof(number));
    return CL_OK;
}

static enum cl_status integer_from(const ProtobufCFieldDescriptor *f, const json_t *j, void *slot,
                                   struct cl_err *err)
{
    int64_t min = INT64_MIN, max = INT64_MAX;
    if (f->type == PROTOBUF_C_TYPE_INT32) {
        min = INT32_MIN, max = INT32_MAX;
    } else if (f->type == PROTOBUF_C_TYPE_UINT32) {
        min = 0, max = UINT32_MAX;
    } else if (f->type == PROTOBUF_C_TYPE_UINT64) {
        min = 0;
    }
    int64_t v = json_integer_value(j);
    if (!json_is_integer(j) || v < min || v > max) {
        return expected(f, "an integer of its range", err);
    }
    uint32_t small = (uint32_t)v;
    memcpy(slot, size_of(f) == sizeof(v) ? (const void *)&v : &small, size_of(f));
    return CL_OK;
}

static enum cl_status value_from(const ProtobufCFieldDescriptor *f, const json_t *j, unsigned depth,
                                 void *slot, struct cl_err *err)
{
    ProtobufCMessage *sub = NULL;
    protobuf_c_boolean yes = json_is_true(j);
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        return string_from(f, j, slot, err);
    case PROTOBUF_C_TYPE_ENUM:
        return enum_from(f, j, slot, err);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return integer_from(f, j, slot, err);
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(j)) {
            return expected(f, "true or false", err);
        }
        memcpy(slot, &yes, sizeof(yes));
        return CL_OK;
    case PROTOBUF_C_TYPE_MESSAGE:
        CL_TRY(message_from(f->descriptor, j, depth + 1, &sub, err));
        memcpy(slot, &sub, sizeof(sub));
        return CL_OK;
    default:
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: its type has no JSON here", f->name);
    }
}

/* Room for `count` elements; the message owns it and has none of them yet. */
static enum cl_status array_new(const ProtobufCFieldDescriptor *f, ProtobufCMessage *m,
                                size_t count, uint8_t **ret_array, struct cl_err *err)
{
    uint8_t *array = calloc(count == 0 ? 1 : count, size_of(f));
    if (array == NULL) {
        return cl_err_nomem(err, f->name);
    }
    memcpy(at(m, f->offset), &array, sizeof(array));
    *ret_array = array;
    return CL_OK;
}

static enum cl_status array_from(const ProtobufCFieldDescriptor *f, const json_t *j, unsigned depth,
                                 ProtobufCMessage *m, struct cl_err *err)
{
    if (!json_is_array(j)) {
        return expected(f, "an array", err);
    }
    uint8_t *array = NULL;
    CL_TRY(array_new(f, m, json_array_size(j), &array, err));
    for (size_t n = 0; n < json_array_size(j);) {
        CL_TRY(value_from(f, json_array_get(j, n), depth, array + n * size_of(f), err));
        n++;
        memcpy(at(m, f->quantifier_offset), &n, sizeof(n)); /* what is freed on failure */
    }
    return CL_OK;
}

static enum cl_status map_from(const ProtobufCFieldDescriptor *f, json_t *j, unsigned depth,
                               ProtobufCMessage *m, struct cl_err *err)
{
    if (!json_is_object(j)) {
        return expected(f, "an object", err);
    }
    uint8_t *array = NULL;
    CL_TRY(array_new(f, m, json_object_size(j), &array, err));
    size_t n = 0;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(j, key, value)
    {
        CL_CLEANUP(cl_json_decrefp) json_t *pair = json_pack("{ss,sO}", "key", key, "value", value);
        if (pair == NULL) {
            return cl_err_nomem(err, f->name);
        }
        CL_TRY(value_from(f, pair, depth, array + n * size_of(f), err));
        n++;
        memcpy(at(m, f->quantifier_offset), &n, sizeof(n));
    }
    return CL_OK;
}

static enum cl_status message_from(const ProtobufCMessageDescriptor *type, const json_t *j,
                                   unsigned depth, ProtobufCMessage **ret_m, struct cl_err *err)
{
    if (!json_is_object(j) || depth > CRI_JSON_MAX_DEPTH) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected an object, %u deep at most",
                          type->short_name, CRI_JSON_MAX_DEPTH);
    }
    CL_CLEANUP(message_freep) ProtobufCMessage *m = calloc(1, type->sizeof_message);
    if (m == NULL) {
        return cl_err_nomem(err, type->short_name);
    }
    type->message_init(m);
    for (void *it = json_object_iter((json_t *)(uintptr_t)j); it != NULL;
         it = json_object_iter_next((json_t *)(uintptr_t)j, it)) {
        const char *key = json_object_iter_key(it);
        json_t *value = json_object_iter_value(it);
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field_by_name(type, key);
        if (f == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: it has no '%s'", type->short_name, key);
        }
        enum cl_status st = is_map(f) ? map_from(f, value, depth, m, err)
                            : f->label == PROTOBUF_C_LABEL_REPEATED
                                ? array_from(f, value, depth, m, err)
                                : value_from(f, value, depth, at(m, f->offset), err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "%s", type->short_name);
        }
    }
    *ret_m = CL_TAKE(m);
    return CL_OK;
}

enum cl_status cri_from_json(const ProtobufCMessageDescriptor *type, const json_t *j,
                             ProtobufCMessage **ret_m, struct cl_err *err)
{
    return message_from(type, j, 0, ret_m, err);
}

/* --- to JSON --- */

static const char *enum_name(const ProtobufCEnumDescriptor *type, int32_t number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    return value != NULL ? value->name : "UNKNOWN";
}

/* NULL: absent (a message), or a failure with err set. */
static json_t *value_to(const ProtobufCFieldDescriptor *f, const void *slot, struct cl_err *err)
{
    int32_t i32 = 0;
    int64_t i64 = 0;
    const void *pointer = NULL;
    memcpy(size_of(f) == sizeof(i32) ? (void *)&i32 : (void *)&i64, slot, size_of(f));
    memcpy(&pointer, &i64, sizeof(pointer));
    json_t *sub = NULL;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        return json_string(pointer);
    case PROTOBUF_C_TYPE_ENUM:
        return json_string(enum_name(f->descriptor, i32));
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(i32);
    case PROTOBUF_C_TYPE_INT32:
        return json_integer(i32);
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer((uint32_t)i32);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: /* sizes and times: they fit */
        return json_integer(i64);
    case PROTOBUF_C_TYPE_MESSAGE:
        return pointer != NULL && cri_to_json(pointer, &sub, err) == CL_OK ? sub : NULL;
    default:
        return NULL;
    }
}

static json_t *map_to(const void *array, size_t count)
{
    json_t *j = json_object();
    for (size_t i = 0; i < count; i++) {
        const Runtime__V1__Pair *pair = NULL;
        memcpy(&pair, at_const(array, i * sizeof(void *)), sizeof(void *));
        if (json_object_set_new(j, pair->key, json_string(pair->value)) != 0) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

static json_t *array_to(const ProtobufCFieldDescriptor *f, const void *array, size_t count,
                        struct cl_err *err)
{
    json_t *j = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(j, value_to(f, at_const(array, i * size_of(f)), err)) != 0) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

static json_t *field_to(const ProtobufCFieldDescriptor *f, const ProtobufCMessage *m,
                        struct cl_err *err)
{
    if (f->label != PROTOBUF_C_LABEL_REPEATED) {
        return value_to(f, at_const(m, f->offset), err);
    }
    const void *array = NULL;
    size_t count = 0;
    memcpy(&array, at_const(m, f->offset), sizeof(void *));
    memcpy(&count, at_const(m, f->quantifier_offset), sizeof(count));
    return is_map(f) ? map_to(array, count) : array_to(f, array, count, err);
}

static bool is_absent(const ProtobufCFieldDescriptor *f, const ProtobufCMessage *m)
{
    const void *pointer = NULL;
    if (f->type != PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_REPEATED) {
        return false;
    }
    memcpy(&pointer, at_const(m, f->offset), sizeof(void *));
    return pointer == NULL;
}

enum cl_status cri_to_json(const ProtobufCMessage *m, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_object();
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        if (is_absent(f, m)) {
            continue;
        }
        if (json_object_set_new(j, f->name, field_to(f, m, err)) != 0) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s.%s: expected text in UTF-8 and memory",
                              m->descriptor->short_name, f->name);
        }
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}
