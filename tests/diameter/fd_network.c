/* freeDiameter as a network's client of credit control: sends CCR initial, update and termination for a number
 * of sessions, one after another, and writes a line per answer: "type number result granted limited session".
 * Its configuration file: realm, first subscriber, sessions, rating group, file to write. */
#include "fd_avp.h"

#include <unistd.h>

static char realm[256], path[1024], first[64];
static unsigned sessions, group;
static struct dict_object *result_avp, *granted_avp, *final_avp;
static FILE *out;
static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static int waiting;

struct asked {
  unsigned type, number;
  char session[256];
};

static void on_answer(void *data, struct msg **msg) {
  struct asked *asked = data;
  const struct avp_hdr *granted = fd_get(*msg, granted_avp);
  fprintf(out, "%u %u %u %llu %d %s\n", asked->type, asked->number, fd_get_u32(*msg, result_avp, 0),
          granted != NULL ? (unsigned long long)granted->avp_value->u64 : 0ULL, fd_get(*msg, final_avp) != NULL,
          asked->session);
  fflush(out);
  fd_msg_free(*msg);
  *msg = NULL;
  free(asked);
  pthread_mutex_lock(&lock);
  waiting = 0;
  pthread_cond_signal(&answered);
  pthread_mutex_unlock(&lock);
}

static int ask(struct dict_object *command, unsigned subscriber, unsigned type, unsigned number) {
  struct msg *msg = NULL;
  struct asked *asked = calloc(1, sizeof *asked);
  if (fd_msg_new(command, MSGFL_ALLOC_ETEID, &msg) != 0) return EINVAL;
  struct msg_hdr *header = NULL;
  fd_msg_hdr(msg, &header);
  header->msg_appl = 4;
  header->msg_flags |= CMD_FLAG_PROXIABLE;
  asked->type = type;
  asked->number = number;
  snprintf(asked->session, sizeof asked->session, "%s;77;%u", fd_g_config->cnf_diamid, subscriber);
  fd_put_text(msg, "Session-Id", asked->session);
  if (fd_msg_add_origin(msg, 0) != 0) return EINVAL;
  fd_put_text(msg, "Destination-Realm", realm);
  fd_put_u32(msg, "Auth-Application-Id", 4);
  fd_put_text(msg, "Service-Context-Id", "32251@3gpp.org");
  fd_put_u32(msg, "CC-Request-Type", type);
  fd_put_u32(msg, "CC-Request-Number", number);
  char subscription[80];
  snprintf(subscription, sizeof subscription, "%s%07u", first, subscriber);
  struct avp *id = fd_put_group(msg, "Subscription-Id");
  fd_put_u32(id, "Subscription-Id-Type", 0);
  fd_put_text(id, "Subscription-Id-Data", subscription);
  fd_put_u32(msg, "Multiple-Services-Indicator", 1);
  struct avp *mscc = fd_put_group(msg, "Multiple-Services-Credit-Control");
  fd_put_u32(mscc, "Rating-Group", group);
  if (type != 3) fd_put_group(mscc, "Requested-Service-Unit");
  if (type != 1) fd_put_u64(fd_put_group(mscc, "Used-Service-Unit"), "CC-Total-Octets", 1234567);
  waiting = 1;
  if (fd_msg_send(&msg, on_answer, asked) != 0) return EINVAL;
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 20;
  pthread_mutex_lock(&lock);
  while (waiting && pthread_cond_timedwait(&answered, &lock, &until) == 0) {
  }
  pthread_mutex_unlock(&lock);
  return 0;
}

static void *run(void *unused) {
  (void)unused;
  fd_core_waitstartcomplete();
  sleep(2); /* the peer's connection */
  struct dict_object *command = NULL;
  fd_dict_search(fd_g_config->cnf_dict, DICT_COMMAND, CMD_BY_NAME, "Credit-Control-Request", &command, ENOENT);
  for (unsigned i = 0; i < sessions; ++i) {
    for (unsigned type = 1; type <= 3; ++type) {
      if (ask(command, i, type, type - 1) != 0) fprintf(out, "a request could not be sent\n");
    }
  }
  fprintf(out, "done\n");
  fflush(out);
  return NULL;
}

static int entry(char *configuration) {
  FILE *file = configuration != NULL ? fopen(configuration, "r") : NULL;
  if (file == NULL || fscanf(file, "%255s %63s %u %u %1000s", realm, first, &sessions, &group, path) != 5) {
    return EINVAL;
  }
  fclose(file);
  out = fopen(path, "a");
  if (out == NULL) return errno;
  result_avp = fd_avp_named("Result-Code");
  granted_avp = fd_avp_named("CC-Total-Octets");
  final_avp = fd_avp_named("Final-Unit-Indication");
  struct dict_object *application = NULL;
  application_id_t id = 4;
  if (fd_dict_search(fd_g_config->cnf_dict, DICT_APPLICATION, APPLICATION_BY_ID, &id, &application, ENOENT) != 0) {
    return EINVAL;
  }
  const int failed = fd_disp_app_support(application, NULL, 1, 0);
  if (failed != 0) return failed;
  return pthread_create(&thread, NULL, run, NULL);
}

EXTENSION_ENTRY("fd_network", entry, "dict_dcca");
