// links: dayaq::crypto
// Programs and persons that sign in to an OpenID Provider over keep-alive connections, ours or another; for
// bench/identity_bench.py. What counts is what the server's processor time was spent on, so the tool signs
// its own assertions and proofs while it runs, on the other core.
//
//   identity_load_tool client_credentials --port N --pid N --path P --client C --secret S --scope S
//   identity_load_tool introspection      --port N --pid N --path P --client C --secret S --tokens FILE
//   identity_load_tool fapi2_token        --port N --pid N --path P --client C --key JWK_FILE --scope S
//   --issuer URL identity_load_tool login              --port N --pid N --path AUTHORIZE --token P --client C
//   --secret S
//                                         --redirect URI --issuer URL [--passkeys FILE]  (without:
//                                         oidc-provider's pages)
//   identity_load_tool limit              P-256 signatures and verifications of one core, through OpenSSL
//
// Each takes --seconds and --connections. Prints one JSON object.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "crypto/ecdsa_der.hpp"
#include "crypto/jwk.hpp"
#include "crypto/jws.hpp"
#include "crypto/sign.hpp"
#include "http_load.hpp"
#include "identity_browser.hpp"

using namespace dayaq;
using namespace dayaq::bench;
using SteadyClock = std::chrono::steady_clock;

namespace {

struct Options {
  std::map<std::string, std::string, std::less<>> values;
  [[nodiscard]] std::string text(const std::string& name) const {
    const auto found = values.find(name);
    if (found == values.end()) throw std::runtime_error("--" + name + " is missing");
    return found->second;
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = values.find(name);
    return found == values.end() ? otherwise : found->second;
  }
  [[nodiscard]] int number(const std::string& name, int otherwise) const {
    return std::stoi(text(name, std::to_string(otherwise)));
  }
  [[nodiscard]] std::uint16_t port() const { return static_cast<std::uint16_t>(std::stoi(text("port"))); }
};

std::string read_file(const std::string& name) {
  std::ifstream in(name);
  if (!in) throw std::runtime_error("can't read " + name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// utime + stime of a process with all its threads, in seconds. @see proc(5), /proc/PID/stat fields 14 and 15
double cpu_of(const std::string& pid) {
  const std::string text = read_file("/proc/" + pid + "/stat");
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0;
  double system = 0;
  rest >> user >> system;
  return (user + system) / double(::sysconf(_SC_CLK_TCK));
}

std::string random_text(std::size_t bytes) {
  Bytes raw(bytes);
  SystemRandom().fill(raw);
  return to_base64url(raw);
}

std::string form(std::string_view path, std::string_view headers, std::string_view body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n{}"
      "Content-Length: {}\r\n\r\n{}",
      path, headers, body.size(), body);
}

std::string basic(const Options& options) {
  const std::string pair = url_encode(options.text("client")) + ":" + url_encode(options.text("secret"));
  return "Authorization: Basic " + to_base64(as_bytes(pair)) + "\r\n";
}

void print(std::uint64_t count, double cpu, double seconds, double p50, double p99) {
  fmt::print(R"({{"count":{},"cpu_seconds":{:.3f},"seconds":{:.3f},"per_cpu_second":{:.1f},)"
             R"("per_second":{:.1f},"p50_us":{:.0f},"p99_us":{:.0f}}})"
             "\n",
             count, cpu, seconds, cpu > 0 ? double(count) / cpu : 0, double(count) / seconds, p50, p99);
}

/// Runs one kind of request for a while; a second of warm-up goes before.
int drive(const Options& options, const NextRequest& next) {
  LoadOptions load{.port = options.port(), .connections = options.number("connections", 16)};
  std::string example;
  const OnAnswer look = [&](int, std::uint64_t, int status, std::string_view body) {
    if (status != 200 && example.empty()) example = fmt::format("{} {}", status, body.substr(0, 400));
  };
  load.duration = std::chrono::milliseconds(1000);
  if (const auto warm = run_load(load, next, look); !warm || !warm->all_succeeded()) {
    throw std::runtime_error("warm-up: " + (warm ? example : warm.error().detail));
  }
  load.duration = std::chrono::seconds(options.number("seconds", 4));
  const double before = cpu_of(options.text("pid"));
  const auto report = run_load(load, next, look);
  const double cpu = cpu_of(options.text("pid")) - before;
  if (!report || !report->all_succeeded()) {
    throw std::runtime_error("refused: " + (report ? example : report.error().detail));
  }
  print(report->answered, cpu, report->seconds, report->p50_us, report->p99_us);
  return 0;
}

int client_credentials(const Options& options) {
  const std::string request =
      form(options.text("path"), basic(options),
           "grant_type=client_credentials&scope=" + url_encode(options.text("scope")));
  return drive(options, [&](int, std::uint64_t, std::string& out) { out = request; });
}

int introspection(const Options& options) {
  std::vector<std::string> requests;
  std::istringstream tokens(read_file(options.text("tokens")));
  for (std::string token; std::getline(tokens, token);) {
    requests.push_back(form(options.text("path"), basic(options), "token=" + url_encode(token)));
  }
  return drive(options, [&](int, std::uint64_t number, std::string& out) {
    out = requests[number % requests.size()];
  });
}

/// Learns the nonce that a provider may want in proofs (RFC 9449 section 8).
std::string nonce_of(const Options& options, const std::function<std::string(std::string_view)>& request) {
  Connection connection(options.port());
  const HttpAnswer answer = connection.ask(request(""));
  const auto found = answer.headers.find("dpop-nonce");
  return found == answer.headers.end() ? "" : found->second;
}

int fapi2_token(const Options& options) {
  auto key = crypto::JwkPrivate::parse(read_file(options.text("key")));
  if (!key) throw std::runtime_error("the client's key can't be read");
  const crypto::JwkPrivate proof_key = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256);
  const std::string client = options.text("client");
  const std::string issuer = options.text("issuer");
  const std::string assertion_header = fmt::format(R"({{"alg":"ES256","kid":"{}"}})", key->kid());
  const std::string proof_header =
      fmt::format(R"({{"alg":"ES256","typ":"dpop+jwt","jwk":{}}})", proof_key.public_key().bare_json());
  const auto make = [&](std::string_view nonce) {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    const std::string assertion = crypto::sign_compact(
        *key, assertion_header,
        fmt::format(R"({{"iss":"{0}","sub":"{0}","aud":"{1}","jti":"{2}","iat":{3},"exp":{4}}})", client,
                    issuer, random_text(16), now, now + 60));
    const std::string proof = crypto::sign_compact(
        proof_key, proof_header,
        fmt::format(R"({{"jti":"{}","htm":"POST","htu":"{}{}","iat":{}{}}})", random_text(16), issuer,
                    options.text("path"), now, nonce.empty() ? "" : fmt::format(R"(,"nonce":"{}")", nonce)));
    return form(
        options.text("path"), "DPoP: " + proof + "\r\n",
        fmt::format("grant_type=client_credentials&scope={}&client_id={}&client_assertion_type="
                    "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={}",
                    url_encode(options.text("scope")), client, assertion));
  };
  const std::string nonce = nonce_of(options, make);
  return drive(options, [&](int, std::uint64_t, std::string& out) { out = make(nonce); });
}

// -- logins

struct Passkey {
  std::string id;
  std::string user_handle;
  std::optional<crypto::JwkPrivate> key;
};

/// Lines of: credential id, user handle, private JWK; tabs between.
std::vector<Passkey> read_passkeys(const std::string& file) {
  std::vector<Passkey> passkeys;
  std::istringstream in(read_file(file));
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    auto key = crypto::JwkPrivate::parse(line.substr(second + 1));
    if (!key) throw std::runtime_error("a passkey can't be read");
    passkeys.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1), std::move(*key)});
  }
  if (passkeys.empty()) throw std::runtime_error("no passkeys");
  return passkeys;
}

/// What navigator.credentials.get() would answer. @see WebAuthn Level 2 section 7.2
std::string assertion_of(const Passkey& passkey, std::string_view options_json, const std::string& origin) {
  const std::string client_data =
      fmt::format(R"({{"type":"webauthn.get","challenge":"{}","origin":"{}","crossOrigin":false}})",
                  json_text(options_json, "challenge"), origin);
  const crypto::Sha256 party = crypto::sha256(as_bytes(json_text(options_json, "rpId")));
  Bytes data(party.begin(), party.end());
  data.push_back(std::byte{0x05});  // user present, user verified
  data.insert(data.end(), 4, std::byte{0});
  const crypto::Sha256 hash = crypto::sha256(as_bytes(client_data));
  Bytes message = data;
  message.insert(message.end(), hash.begin(), hash.end());
  std::array<std::byte, 64> raw{};
  passkey.key->sign(message, raw);
  const crypto::EcdsaDer signature = crypto::ecdsa_p256_to_der(raw);
  return fmt::format(
      R"({{"id":"{0}","rawId":"{0}","type":"public-key","clientExtensionResults":{{}},"response":{{)"
      R"("clientDataJSON":"{1}","authenticatorData":"{2}","signature":"{3}","userHandle":"{4}"}}}})",
      passkey.id, to_base64url(as_bytes(client_data)), to_base64url(data), to_base64url(signature.view()),
      passkey.user_handle);
}

class Login {
 public:
  Login(const Options& options, Connection& connection, const Passkey* passkey)
      : options_(options),
        browser_(connection, options.text("issuer")),
        connection_(connection),
        passkey_(passkey) {}

  /// One whole login, from the authorization request to the tokens. Throws what went wrong.
  void run() {
    const std::string verifier = random_text(32);
    const crypto::Sha256 challenge = crypto::sha256(as_bytes(verifier));
    const std::string redirect = options_.text("redirect");
    Page page =
        browser_.get(fmt::format("{}?client_id={}&response_type=code&scope=openid&redirect_uri={}&state={}&"
                                 "nonce={}&code_challenge={}&code_challenge_method=S256",
                                 options_.text("path"), options_.text("client"), url_encode(redirect),
                                 random_text(8), random_text(8), to_base64url(challenge)));
    for (int step = 0; step < 12 && page.left.empty(); ++step) page = answer(page);
    if (!page.left.starts_with(redirect))
      throw std::runtime_error("ended at " + page.left + " " + page.html.substr(0, 600));
    const std::string code = query_value(page.left, "code");
    const HttpAnswer tokens = connection_.ask(
        form(options_.text("token"), basic(options_),
             fmt::format("grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={}",
                         url_encode(code), url_encode(redirect), verifier)));
    if (tokens.status != 200 || tokens.body.find("\"id_token\"") == std::string::npos) {
      throw std::runtime_error(fmt::format("token: {} {}", tokens.status, tokens.body));
    }
  }

 private:
  Page answer(const Page& page) {
    for (const HtmlForm& found : forms_of(page)) {
      if (passkey_ != nullptr && found.action == "/sign-in/passkey") {
        Fields fields = found.fields;
        set(fields, "response", assertion_of(*passkey_, found.passkey, options_.text("issuer")));
        return browser_.post(found.action, fields);
      }
      if (found.action == "/oauth/consent") {
        Fields fields = found.fields;
        fields.emplace_back("answer", "yes");
        return browser_.post(found.action, fields);
      }
      if (passkey_ == nullptr && value_of(found.fields, "prompt") == "login") {
        return browser_.post(found.action, {{"prompt", "login"}, {"login", "person"}, {"password", "x"}});
      }
      if (passkey_ == nullptr && value_of(found.fields, "prompt") == "consent")
        return browser_.post(found.action, found.fields);
    }
    throw std::runtime_error(fmt::format("nothing to answer on {} {}", page.path, page.html.substr(0, 1000)));
  }

  const Options& options_;
  Browser browser_;
  Connection& connection_;
  const Passkey* passkey_;
};

volatile std::sig_atomic_t enough = 0;  ///< SIGTERM: what was counted so far is said

int login(const Options& options) {
  std::signal(SIGTERM, [](int) { enough = 1; });
  const std::string file = options.text("passkeys", "");
  const std::vector<Passkey> passkeys = file.empty() ? std::vector<Passkey>() : read_passkeys(file);
  const int connections = options.number("connections", 32);
  std::atomic<bool> stop{false};
  std::atomic<bool> counting{false};
  std::atomic<std::uint64_t> turn{0};
  std::mutex mutex;
  std::vector<double> took;
  std::string wrong;
  std::vector<std::thread> threads;
  for (int i = 0; i < connections; ++i) {
    threads.emplace_back([&] {
      try {
        Connection connection(options.port());
        while (!stop) {
          const Passkey* passkey = passkeys.empty() ? nullptr : &passkeys[turn++ % passkeys.size()];
          const auto start = SteadyClock::now();
          Login(options, connection, passkey).run();
          if (!counting) continue;
          const std::lock_guard lock(mutex);
          took.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count());
        }
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex);
        if (wrong.empty()) wrong = error.what();
        stop = true;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const double before = cpu_of(options.text("pid"));
  const auto start = SteadyClock::now();
  counting = true;
  for (int i = 0; i < options.number("seconds", 4) * 20 && !stop && enough == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  counting = false;
  const double cpu = cpu_of(options.text("pid")) - before;
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  if (!wrong.empty() || took.empty()) throw std::runtime_error("login: " + wrong);
  std::ranges::sort(took);
  print(took.size(), cpu, seconds, took[took.size() / 2], took[took.size() * 99 / 100]);
  return 0;
}

// -- the limit

double thread_cpu() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

int limit() {
  const crypto::JwkPrivate key = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256);
  const std::string message(200, 'm');
  std::array<std::byte, 64> signature{};
  double signs = 0;
  double verifies = 0;
  for (int round = 0; round < 3; ++round) {
    double start = thread_cpu();
    for (int i = 0; i < 20'000; ++i) key.sign(as_bytes(message), signature);
    signs = std::max(signs, 20'000 / (thread_cpu() - start));
    start = thread_cpu();
    for (int i = 0; i < 8'000; ++i) {
      if (!key.public_key().verify(crypto::JwsAlgorithm::es256, as_bytes(message), signature)) return 1;
    }
    verifies = std::max(verifies, 8'000 / (thread_cpu() - start));
  }
  fmt::print(R"({{"sign":{:.0f},"verify":{:.0f}}})"
             "\n",
             signs, verifies);
  return 0;
}

int run(const std::string& what, const Options& options) {
  if (what == "client_credentials") return client_credentials(options);
  if (what == "introspection") return introspection(options);
  if (what == "fapi2_token") return fapi2_token(options);
  if (what == "login") return login(options);
  if (what == "limit") return limit();
  fmt::print(stderr, "identity_load_tool: no such load: {}\n", what);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 2; i + 1 < argc; i += 2) options.values.emplace(std::string(argv[i]).substr(2), argv[i + 1]);
  try {
    return run(argc > 1 ? argv[1] : "", options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "identity_load_tool: {}\n", error.what());
    return 1;
  }
}
