/* freeDiameter as a charging system: answers every Credit-Control-Request with DIAMETER_SUCCESS and units for
 * each rating group that asks. With a configuration file: the name of a file in it gets a line per request,
 * "type number T used session". */
#include "fd_avp.h"

static struct dict_object *type_avp, *number_avp, *group_avp, *used_avp, *mscc_avp;
static FILE *out;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(struct msg *request, uint32_t type, uint32_t number, struct session *session) {
  struct msg_hdr *header = NULL;
  fd_msg_hdr(request, &header);
  const struct avp_hdr *used = fd_get(request, used_avp);
  os0_t id = NULL;
  size_t size = 0;
  fd_sess_getsid(session, &id, &size);
  pthread_mutex_lock(&out_lock);
  fprintf(out, "%u %u %d %llu %s\n", type, number, (header->msg_flags & CMD_FLAG_RETRANSMIT) != 0,
          used != NULL ? (unsigned long long)used->avp_value->u64 : 0ULL, id != NULL ? (char *)id : "");
  fflush(out);
  pthread_mutex_unlock(&out_lock);
}

static int on_request(struct msg **msg, struct avp *avp, struct session *session, void *opaque,
                      enum disp_action *action) {
  (void)avp;
  (void)opaque;
  (void)action;
  const uint32_t type = fd_get_u32(*msg, type_avp, 0);
  const uint32_t number = fd_get_u32(*msg, number_avp, 0);
  const uint32_t group = fd_get_u32(*msg, group_avp, 0);
  const int wants = fd_get(*msg, mscc_avp) != NULL && type != 3;
  if (out != NULL) note(*msg, type, number, session);
  if (fd_msg_new_answer_from_req(fd_g_config->cnf_dict, msg, 0) != 0) return EINVAL;
  fd_msg_rescode_set(*msg, "DIAMETER_SUCCESS", NULL, NULL, 1);
  fd_put_u32(*msg, "Auth-Application-Id", 4);
  fd_put_u32(*msg, "CC-Request-Type", type);
  fd_put_u32(*msg, "CC-Request-Number", number);
  if (wants) {
    struct avp *mscc = fd_put_group(*msg, "Multiple-Services-Credit-Control");
    struct avp *granted = fd_put_group(mscc, "Granted-Service-Unit");
    fd_put_u64(granted, "CC-Total-Octets", 7000000);
    fd_put_u32(mscc, "Rating-Group", group);
    fd_put_u32(mscc, "Validity-Time", 600);
    fd_put_u32(mscc, "Result-Code", 2001);
  }
  return fd_msg_send(msg, NULL, NULL);
}

static int entry(char *configuration) {
  type_avp = fd_avp_named("CC-Request-Type");
  number_avp = fd_avp_named("CC-Request-Number");
  group_avp = fd_avp_named("Rating-Group");
  used_avp = fd_avp_named("CC-Total-Octets");
  mscc_avp = fd_avp_named("Multiple-Services-Credit-Control");
  if (configuration != NULL) {
    char path[1024] = "";
    FILE *file = fopen(configuration, "r");
    if (file == NULL || fscanf(file, "%1000s", path) != 1) return EINVAL;
    fclose(file);
    out = fopen(path, "a");
    if (out == NULL) return errno;
  }
  struct disp_when when;
  memset(&when, 0, sizeof when);
  application_id_t id = 4;
  if (fd_dict_search(fd_g_config->cnf_dict, DICT_APPLICATION, APPLICATION_BY_ID, &id, &when.app, ENOENT) != 0 ||
      fd_dict_search(fd_g_config->cnf_dict, DICT_COMMAND, CMD_BY_NAME, "Credit-Control-Request", &when.command,
                     ENOENT) != 0) {
    return EINVAL;
  }
  const int failed = fd_disp_register(on_request, DISP_HOW_CC, &when, NULL, NULL);
  if (failed != 0) return failed;
  return fd_disp_app_support(when.app, NULL, 1, 0);
}

EXTENSION_ENTRY("fd_charging", entry, "dict_dcca");
