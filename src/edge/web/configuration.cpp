#include "edge/web/configuration.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.hpp"
#include "edge/web/configuration_parts.hpp"

namespace dayaq::edge::web {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t file_bytes_max = 1u << 20;

Error syntax(std::string text, const YAML::Mark& mark) {
  Error error{.kind = ErrorKind::invalid_input,
              .code = "edge.file.syntax",
              .public_text = std::move(text),
              .detail = {},
              .field = {}};
  if (!mark.is_null()) {
    error.line = std::uint32_t(mark.line + 1);
    error.column = std::uint32_t(mark.column + 1);
  }
  return error;
}

/// A date: the first day of which this edge has a share of the quotas by right.
void read_joined(Fields& top, std::int32_t& out) {
  std::string text;
  top.text("joined", text);
  if (text.empty()) return;
  const auto date = parse_date(text);
  if (!date) return top.finding("edge.file.value", "joined", "Write a date here, such as 2026-11-22.");
  out = std::int32_t(std::chrono::sys_days(*date).time_since_epoch().count());
}

void read_identity(Fields& top, Configuration& out, const std::filesystem::path& folder) {
  top.need("operator").text("operator", out.operator_code);
  top.need("name").text("name", out.name);
  top.number("number", out.engine.edge, 1, 16);
  top.number("edges", out.engine.edges, 1, 16);
  read_joined(top, out.engine.joined);
  top.need("feed_key_file").path("feed_key_file", out.feed_key_file, folder);
  top.need("signing_key_file").path("signing_key_file", out.signing_key_file, folder);
  top.need("data").path("data", out.data, folder);
  top.text("zone", out.engine.zone);
  if (!Zone::create(out.engine.zone)) {
    top.finding("edge.file.value", "zone", "Write a time zone's name here, such as Asia/Baku.");
  }
  top.word("line", {"mobile", "fixed", "tv"}, [&](std::size_t at) { out.line = LineKind(at); });
  top.word("when_disk_full", {"grant", "refuse"},
           [&](std::size_t at) { out.engine.when_disk_full = WhenDiskFull(at); });
  top.duration("sibling_silence", out.engine.sibling_silence, 1s, 1h);
  top.duration("settle_every", out.settle_every, 1s, 24h);
  top.number("resources_version", out.resources_version, 0, 0xffffffff);
  top.duration("resources_every", out.resources_every, 1s, 24h);
}

void read_centre(Fields& top, Configuration& out, const std::filesystem::path& folder) {
  top.need("centre").inside("centre", [&](Fields& fields) {
    fields.need("url").text("url", out.centre.url);
    if (!out.centre.url.empty() && !out.centre.url.starts_with("http://") &&
        !out.centre.url.starts_with("https://")) {
      fields.finding("edge.file.value", "url", "Write the centre's address with https:// here.");
    }
    fields.path("client_file", out.centre.client_file, folder);
    fields.path("token_file", out.centre.token_file, folder);
    if (out.centre.client_file.empty() == out.centre.token_file.empty()) {
      fields.finding(out.centre.client_file.empty() ? "edge.file.missing" : "edge.file.value", "client_file",
                     "Name the file of this edge's client here, or in `token_file` that of an API key.");
    }
    fields.need("key_file").path("key_file", out.centre.key_file, folder);
    fields.text("tls_authority", out.centre.tls_authority);
  });
}

void read_slices(Fields& top, Slices& out) {
  top.inside("slices", [&](Fields& fields) {
    fields.octets("data", out.data_octets);
    std::chrono::seconds voice(out.voice_seconds), tv(out.tv_seconds);
    fields.duration("voice", voice, 1s, 24h);
    fields.duration("tv", tv, 1s, 24h);
    out.voice_seconds = std::uint64_t(voice.count());
    out.tv_seconds = std::uint64_t(tv.count());
    fields.number("messages", out.messages, 1, 1'000'000);
    fields.duration("data_validity", out.data_validity, 1s, 24h);
    fields.duration("voice_validity", out.voice_validity, 1s, 24h);
    fields.duration("tv_validity", out.tv_validity, 1s, 24h);
  });
  if (out.data_octets == 0) top.finding("edge.file.value", "slices", "A slice of data can't be empty.");
}

void read_http(Fields& top, Configuration& out, const std::filesystem::path& folder) {
  top.inside("http", [&](Fields& fields) {
    fields.text("address", out.http.address);
    fields.number("port", out.http.port, 0, 65535);
    fields.number("io_threads", out.http.io_threads, 1, 64);
    fields.need("token_file").path("token_file", out.http.token_file, folder);
    fields.text("tls_certificate", out.http.tls_certificate);
    fields.text("tls_key", out.http.tls_key);
  });
  if (!top.has("http")) top.need("http");
}

void read_siblings(Fields& top, Configuration& out, const std::filesystem::path& folder) {
  top.each("siblings", [&](Fields& fields) {
    SiblingOptions sibling;
    fields.need("name").text("name", sibling.name);
    fields.need("number").number("number", sibling.number, 1, 16);
    fields.need("url").text("url", sibling.url);
    fields.need("token_file").path("token_file", sibling.token_file, folder);
    if (sibling.number == out.engine.edge) {
      fields.finding("edge.file.value", "number", "This is the edge's own number: a sibling has another.");
    }
    if (std::ranges::find(out.siblings, sibling.number, &SiblingOptions::number) != out.siblings.end()) {
      fields.finding("edge.file.value", "number", "Two siblings have this number.");
    }
    out.engine.siblings.push_back(sibling.number);
    out.siblings.push_back(std::move(sibling));
  });
  if (std::size_t(out.engine.edges) != out.siblings.size() + 1) {
    top.finding("edge.file.value", "edges",
                fmt::format("`edges` is {}, but {} siblings are listed: list all others.", out.engine.edges,
                            out.siblings.size()));
  }
}

Configuration read(Fields& top, const std::filesystem::path& folder) {
  Configuration out;
  read_identity(top, out, folder);
  out.engine.folder = out.data / "accounts";
  read_centre(top, out, folder);
  read_slices(top, out.engine.slices);
  read_services(top, out);
  read_diameter(top, out);
  read_radius(top, out);
  read_tv(top, out, folder);
  read_http(top, out, folder);
  read_siblings(top, out, folder);
  top.finish();
  return out;
}

/// However it is laid out, the same value gives the same text.
void write_value(const YAML::Node& node, std::string& out) {
  if (node.IsMap()) {
    std::map<std::string, YAML::Node> fields;
    for (const auto& field : node) fields[field.first.as<std::string>("")] = field.second;
    for (const auto& [name, value] : fields) {
      out += '{' + name + ':';
      write_value(value, out);
      out += '}';
    }
  } else if (node.IsSequence()) {
    for (const auto& item : node) {
      out += '[';
      write_value(item, out);
      out += ']';
    }
  } else if (node.IsScalar()) {
    out += std::to_string(node.Scalar().size()) + '"' + node.Scalar();
  }
}

std::map<std::string, std::string> written_parts(const YAML::Node& root) {
  std::map<std::string, std::string> out;
  for (const auto& part : root) {
    const auto name = part.first.as<std::string>("");
    YAML::Node value = YAML::Clone(part.second);
    if ((name == "diameter" || name == "radius") && value.IsMap()) value.remove("clients");
    if (name == "diameter" && value.IsMap()) value.remove("charging_systems");
    write_value(value, out[name]);
  }
  return out;
}

}  // namespace

std::expected<Configuration, Errors> parse_configuration(std::string_view text,
                                                         const std::filesystem::path& folder) {
  Errors errors;
  const auto refuse = [&](std::string why, const YAML::Mark& mark) {
    errors.push_back(syntax(std::move(why), mark));
    return std::unexpected(errors);
  };
  if (text.size() > file_bytes_max) return refuse("The file is longer than 1 MiB.", YAML::Mark::null_mark());
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsMap()) return refuse("The file has no fields: start from --print-default.", root.Mark());
    Fields top(root, "", errors);
    Configuration configuration = read(top, folder);
    std::ranges::sort(errors, {}, [](const Error& e) { return std::pair(e.line, e.column); });
    if (!errors.empty()) return std::unexpected(std::move(errors));
    configuration.written = written_parts(root);
    return configuration;
  } catch (const YAML::Exception& error) {
    return refuse(fmt::format("This isn't YAML: {}.", error.msg), error.mark);
  }
}

std::vector<std::string> needs_restart(const Configuration& before, const Configuration& after) {
  std::vector<std::string> parts;
  for (const auto& [part, text] : before.written) {
    const auto now = after.written.find(part);
    if (now == after.written.end() || now->second != text) parts.push_back(part);
  }
  for (const auto& [part, text] : after.written) {
    if (!before.written.contains(part)) parts.push_back(part);
  }
  return parts;
}

}  // namespace dayaq::edge::web
