/* Short forms of what both extensions do with freeDiameter's messages. */
#include <freeDiameter/extension.h>
#include <stdio.h>
#include <string.h>

static struct dict_object *fd_avp_named(const char *name) {
  struct dict_object *found = NULL;
  if (fd_dict_search(fd_g_config->cnf_dict, DICT_AVP, AVP_BY_NAME_ALL_VENDORS, name, &found, ENOENT) != 0) {
    fprintf(stderr, "no AVP %s in the dictionary\n", name);
    abort();
  }
  return found;
}

static void fd_put(msg_or_avp *parent, const char *name, union avp_value value) {
  struct avp *avp = NULL;
  if (fd_msg_avp_new(fd_avp_named(name), 0, &avp) != 0 || fd_msg_avp_setvalue(avp, &value) != 0 ||
      fd_msg_avp_add(parent, MSG_BRW_LAST_CHILD, avp) != 0) {
    fprintf(stderr, "%s can't be added\n", name);
    abort();
  }
}

static inline void fd_put_u32(msg_or_avp *parent, const char *name, uint32_t number) {
  union avp_value value;
  memset(&value, 0, sizeof value);
  value.u32 = number;
  fd_put(parent, name, value);
}

static inline void fd_put_u64(msg_or_avp *parent, const char *name, uint64_t number) {
  union avp_value value;
  memset(&value, 0, sizeof value);
  value.u64 = number;
  fd_put(parent, name, value);
}

static inline void fd_put_text(msg_or_avp *parent, const char *name, const char *text) {
  union avp_value value;
  memset(&value, 0, sizeof value);
  value.os.data = (uint8_t *)text;
  value.os.len = strlen(text);
  fd_put(parent, name, value);
}

static inline struct avp *fd_put_group(msg_or_avp *parent, const char *name) {
  struct avp *avp = NULL;
  if (fd_msg_avp_new(fd_avp_named(name), 0, &avp) != 0 ||
      fd_msg_avp_add(parent, MSG_BRW_LAST_CHILD, avp) != 0) {
    abort();
  }
  return avp;
}

/* The first AVP of this name below `parent`, at any depth; NULL if there is none. */
static struct avp_hdr *fd_get(msg_or_avp *parent, struct dict_object *what) {
  struct dict_avp_data wanted;
  fd_dict_getval(what, &wanted);
  msg_or_avp *child = NULL;
  if (fd_msg_browse_internal(parent, MSG_BRW_FIRST_CHILD, &child, NULL) != 0) return NULL;
  while (child != NULL) {
    struct avp_hdr *head = NULL;
    fd_msg_avp_hdr((struct avp *)child, &head);
    if (head->avp_code == wanted.avp_code && head->avp_vendor == wanted.avp_vendor) return head;
    struct avp_hdr *inside = head->avp_value == NULL ? fd_get(child, what) : NULL;
    if (inside != NULL) return inside;
    if (fd_msg_browse_internal(child, MSG_BRW_NEXT, &child, NULL) != 0) return NULL;
  }
  return NULL;
}

static inline uint32_t fd_get_u32(msg_or_avp *parent, struct dict_object *what, uint32_t otherwise) {
  const struct avp_hdr *head = fd_get(parent, what);
  return head != NULL && head->avp_value != NULL ? head->avp_value->u32 : otherwise;
}
