#include "regime/traffic.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/file.hpp"
#include "feed/resources.hpp"
#include "regime/file_reader.hpp"

namespace dayaq::regime {
namespace {

constexpr std::size_t name_max = 200;
constexpr std::size_t meaning_max = 1000;

/// @see RFC 1035 section 2.3.1, RFC 5891 (A-labels): letters, digits and hyphens, at least two labels.
bool is_domain(std::string_view text) {
  if (text.size() > 253 || text.find('.') == std::string_view::npos) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (!std::ranges::all_of(label, fits)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

/// @see RFC 4632 section 3.1, RFC 4291 section 2.3: the bits behind the prefix must be zero.
bool is_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string address(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (failed != std::errc{} || end != digits.data() + digits.size()) return false;
  std::array<unsigned char, 16> bytes{};
  const bool v6 = address.find(':') != std::string::npos;
  const unsigned bits = v6 ? 128 : 32;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1 || length > bits) return false;
  for (unsigned bit = length; bit < bits; ++bit) {
    if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

class CatalogueReader {
 public:
  explicit CatalogueReader(Errors& errors) : reader_(errors) {}

  std::vector<TrafficClass> read(const TreeNode& root) {
    std::vector<TrafficClass> out;
    for (const At& at : reader_.items({.node = &root, .path = "", .name = "traffic.yaml"})) {
      TrafficClass one = read_class(at);
      const bool known =
          std::ranges::any_of(out, [&](const TrafficClass& other) { return other.code == one.code; });
      if (known)
        reader_.error(at, "traffic.duplicate", "A class of this code stands above. Use another code.");
      out.push_back(std::move(one));
      if (lines_ > feed::resource_lines_max || (!out.back().tv && ++classes_ > feed::resource_classes_max)) {
        reader_.error(at, "traffic.limit",
                      fmt::format("A list of resources has at most {} classes and {} lines.",
                                  feed::resource_classes_max, feed::resource_lines_max));
        return out;
      }
    }
    return out;
  }

 private:
  TrafficClass read_class(const At& at) {
    TrafficClass out;
    if (!reader_.map(at,
                     {"code", "name", "meaning", "everything", "resources", "channels", "rules", "bases"}))
      return out;
    if (const auto code = reader_.need(at, "code")) {
      if (auto word = reader_.code(*code)) out.code = TrafficClassCode(std::move(*word));
    }
    if (const auto name = reader_.need(at, "name")) out.name = reader_.localized(*name, name_max);
    if (const auto meaning = reader_.find(at, "meaning"))
      out.meaning = reader_.localized(*meaning, meaning_max);
    const auto everything = reader_.find(at, "everything");
    const auto resources = reader_.find(at, "resources");
    const auto channels = reader_.find(at, "channels");
    if (int(everything.has_value()) + int(resources.has_value()) + int(channels.has_value()) != 1) {
      reader_.error(at, "file.missing",
                    "Give exactly one of `resources`, `everything: true` and `channels`.");
      return out;
    }
    if (everything && !reader_.truth(*everything).value_or(true)) {
      reader_.error(*everything, "file.type",
                    "`everything` can only be true. Leave it out and list `resources`.");
    }
    out.everything = everything.has_value();
    if (resources) read_resources(*resources, out);
    if (channels) read_channels(*channels, out);
    read_rules(at, "rules", out.rules, rules_, out.tv);
    read_rules(at, "bases", out.bases, bases_, out.tv);
    lines_ += 1 + out.resources.size() + out.rules.size() + out.bases.size();
    return out;
  }

  void read_rules(const At& at, std::string_view key, std::vector<std::string>& out,
                  std::set<std::string>& known, bool tv) {
    const auto list = reader_.find(at, key);
    if (!list) return;
    if (tv) {
      return reader_.error(*list, "traffic.rule",
                           "A TV package has no rules. Name them at a class of traffic.");
    }
    for (const At& item : reader_.items(*list)) {
      auto name = reader_.text(item);
      if (!name) continue;
      if (!feed::is_resource_name(*name)) {
        reader_.error(item, "traffic.rule",
                      "The name of a rule is ASCII without spaces, at most 255 characters.");
      } else if (!known.insert(*name).second) {
        reader_.error(item, "traffic.duplicate", "This name stands above. Each rule is of one class.");
      } else {
        out.push_back(std::move(*name));
      }
    }
  }

  void read_resources(const At& list, TrafficClass& out) {
    for (const At& at : reader_.items(list)) {
      if (!reader_.map(at, {"domain", "prefix", "note"})) continue;
      NetworkResource resource;
      const auto domain = reader_.find(at, "domain");
      const auto prefix = reader_.find(at, "prefix");
      if (domain.has_value() == prefix.has_value()) {
        reader_.error(at, "file.missing", "Give either `domain` or `prefix`.");
        continue;
      }
      resource.kind = domain ? NetworkResource::Kind::domain : NetworkResource::Kind::prefix;
      resource.value = reader_.text(domain ? *domain : *prefix).value_or("");
      if (domain && !is_domain(resource.value)) {
        reader_.error(*domain, "traffic.domain",
                      "A domain looks like `edu.az`: lower case, no scheme, no path, no *.");
      }
      if (prefix && !is_prefix(resource.value)) {
        reader_.error(*prefix, "traffic.prefix",
                      "A prefix looks like `185.30.88.0/22` or `2a0d:6c0::/32`, with "
                      "nothing but zeros behind its length.");
      }
      if (const auto note = reader_.find(at, "note")) resource.note = reader_.text(*note).value_or("");
      out.resources.push_back(std::move(resource));
    }
  }

  void read_channels(const At& at, TrafficClass& out) {
    out.tv = true;
    if (at.node->kind == TreeNode::Kind::scalar) {
      out.everything = at.node->text == "all";
      if (!out.everything) reader_.error(at, "file.type", "Write `all`, or a list of the channels' names.");
      return;
    }
    for (const At& item : reader_.items(at)) {
      if (auto name = reader_.text(item)) out.channels.push_back(std::move(*name));
    }
  }

  TreeReader reader_;
  std::set<std::string> rules_, bases_;  ///< of all classes
  std::size_t classes_ = 0, lines_ = 2;
};

}  // namespace

std::expected<TrafficCatalogue, Errors> TrafficCatalogue::parse(std::string_view yaml) {
  Tree tree = read_tree(yaml);
  TrafficCatalogue out;
  if (tree.root.kind != TreeNode::Kind::refused) out.classes_ = CatalogueReader(tree.errors).read(tree.root);
  if (tree.errors.empty()) return out;
  sort_by_place(tree.errors);
  return std::unexpected(std::move(tree.errors));
}

Result<TrafficCatalogue> TrafficCatalogue::load(const std::filesystem::path& country_folder) {
  const auto path = country_folder / "traffic.yaml";
  DAYAQ_TRY(const std::string yaml, read_file(path));
  auto parsed = parse(yaml);
  if (parsed) return std::move(*parsed);
  Error first = std::move(parsed.error().front());
  first.detail = path.string();
  return std::unexpected(std::move(first));
}

const TrafficClass* TrafficCatalogue::find(std::string_view code) const {
  const auto found =
      std::ranges::find_if(classes_, [&](const TrafficClass& c) { return c.code.value() == code; });
  return found == classes_.end() ? nullptr : &*found;
}

}  // namespace dayaq::regime
