#include "services/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "regime/file_quantity.hpp"
#include "registry/organisation_kind.hpp"
#include "services/file_parts.hpp"

namespace dayaq::services {
namespace {

using regime::TreeNode;

constexpr std::size_t limits_max = 10, moves_max = 20;
constexpr std::int64_t at_most_max = 10000;
constexpr std::uint64_t fee_max = 100'000'00;  // qepik
constexpr auto appeal_usual = std::chrono::days(30);
constexpr std::uint8_t bit(Channel channel) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(channel));
}

class ServiceFileReader {
 public:
  ServiceFileReader(Errors& errors, const regime::FileContext& context, const NamedElsewhere& elsewhere)
      : parts_(errors, context, elsewhere) {}

  Service read(const TreeNode& root) {
    Service service;
    service.appeal_within = appeal_usual;
    const At at{.node = &root};
    if (!reader().map(at, {"format", "code",   "title",     "summary",       "legal_basis", "provider",
                           "groups", "who",    "who_text",  "assurance",     "channels",    "promised",
                           "fee",    "limits", "ends_with", "for_employees", "appeal",      "form",
                           "steps",  "sms",    "moves"})) {
      return service;
    }
    if (const auto format = reader().need(at, "format")) read_format(*format);
    read_names(at, service);
    if (const auto groups = reader().find(at, "groups")) parts_.rules.groups(*groups);
    if (const auto who = reader().need(at, "who")) service.who = parts_.rules.read(*who);
    if (const auto text = reader().find(at, "who_text"))
      service.who_text = reader().localized(*text, prose_max);
    read_access(at, service);
    read_bounds(at, service);
    if (const auto form = reader().find(at, "form")) service.form = read_form(parts_, *form);
    if (const auto steps = reader().need(at, "steps")) service.steps = read_steps(parts_, *steps, service);
    if (const auto sms = reader().find(at, "sms")) read_sms(parts_, *sms, service);
    if (const auto moves = reader().find(at, "moves")) read_moves(*moves, service);
    check_channels(at, service);
    check_fee(at, service);
    parts_.rules.read_unused_groups();
    return service;
  }

 private:
  regime::TreeReader& reader() { return parts_.reader; }

  void read_format(const At& at) {
    const auto word = reader().text(at);
    if (word && *word != "1")
      reader().error(at, "service.format", "This program reads format 1. Write `format: 1`.");
  }

  void read_names(const At& at, Service& service) {
    if (const auto code = reader().need(at, "code"))
      service.code = ServiceCode(reader().code(*code).value_or(""));
    if (const auto title = reader().need(at, "title")) service.title = reader().localized(*title, title_max);
    if (const auto summary = reader().need(at, "summary"))
      service.summary = reader().localized(*summary, prose_max);
    if (const auto basis = reader().need(at, "legal_basis"))
      service.legal_basis = reader().localized(*basis, prose_max);
    const auto provider = reader().need(at, "provider");
    const auto found = provider ? parts_.organisation(*provider) : std::nullopt;
    if (!found) return;
    service.provider = found->index;
    if (!registry::is_public_body(found->kind)) {
      reader().error(
          *provider, "service.provider",
          fmt::format("`{}` is a firm. A service is provided by an agency, a hospital, a school or a "
                      "university.",
                      found->code.value()));
    }
  }

  /// Who may use it, with what, through which channels.
  void read_access(const At& at, Service& service) {
    if (const auto assurance = reader().find(at, "assurance")) {
      const std::vector<std::string> levels{"low", "substantial", "high"};
      if (const auto level = parts_.word(*assurance, levels, "service.assurance", "level of assurance"))
        service.assurance = static_cast<http::Assurance>(*level + 1);
    }
    if (const auto channels = reader().need(at, "channels")) {
      const std::vector<std::string> words{"web", "sms", "counter", "bulk"};
      for (const At& item : reader().one_or_more(*channels)) {
        const auto channel = parts_.word(item, words, "service.channel", "channel");
        if (!channel) continue;
        const std::uint8_t mask = bit(static_cast<Channel>(*channel));
        if ((service.channels & mask) != 0)
          reader().error(item, "service.channel", "This channel stands here twice. Keep one.");
        service.channels |= mask;
      }
    }
    if (const auto employees = reader().find(at, "for_employees"))
      service.for_employees = reader().truth(*employees).value_or(false);
  }

  void read_bounds(const At& at, Service& service) {
    if (const auto promised = reader().need(at, "promised"))
      service.promised = parts_.duration(*promised).value_or(service.promised);
    if (const auto fee = reader().find(at, "fee")) service.fee_qepik = read_fee(*fee);
    if (const auto limits = reader().find(at, "limits")) {
      for (const At& item : parts_.items(*limits, limits_max)) service.limits.push_back(read_limit(item));
    }
    if (const auto regime = reader().find(at, "ends_with"))
      service.ends_with = parts_.named(*regime, parts_.elsewhere.regimes, "service.unknown_regime", "regime");
    const auto appeal = reader().find(at, "appeal");
    if (!appeal) return;
    if (appeal->node->kind == TreeNode::Kind::scalar) {
      service.appeal = reader().truth(*appeal).value_or(true);
      if (!service.appeal) service.appeal_within = {};
    } else if (reader().map(*appeal, {"within"})) {
      if (const auto within = reader().need(*appeal, "within"))
        service.appeal_within = parts_.duration(*within).value_or(service.appeal_within);
    }
  }

  std::uint64_t read_fee(const At& at) {
    const auto word = reader().text(at);
    if (!word) return 0;
    const auto quantity = regime::parse_quantity(*word);
    if (quantity && quantity->unit == regime::Unit::qepik && quantity->amount > 0 &&
        quantity->amount <= fee_max) {
      return quantity->amount;
    }
    reader().error(at, "service.fee",
                   "A fee is an amount such as `20 AZN` or `50 qepik`, up to 100000 AZN. Leave it out if the "
                   "service is free.");
    return 0;
  }

  Limit read_limit(const At& at) {
    Limit limit;
    if (!reader().map(at, {"at_most", "per", "open"})) return limit;
    if (const auto at_most = reader().need(at, "at_most"))
      limit.at_most = static_cast<int>(reader().number(*at_most, 1, at_most_max).value_or(1));
    const auto per = reader().find(at, "per");
    const auto open = reader().find(at, "open");
    if (open) limit.open_only = reader().truth(*open).value_or(false);
    if (per) {
      const std::vector<std::string> words{"day", "week", "month", "year", "ever"};
      if (const auto word = parts_.word(*per, words, "service.limit", "period"))
        limit.per = static_cast<Per>(*word);
    }
    if (per.has_value() == limit.open_only) {
      reader().error(at, "service.limit",
                     "A limit counts either cases `per: day` (week, month, year, ever) or those that are "
                     "`open: true`.");
    }
    return limit;
  }

  /// `moves: {1: {old_field: field, another: ~}}`.
  void read_moves(const At& at, Service& service) {
    if (at.node->kind == TreeNode::Kind::refused) return;
    if (at.node->kind != TreeNode::Kind::map || at.node->keys.empty() || at.node->keys.size() > moves_max) {
      reader().error(at, "file.type",
                     fmt::format("`moves` must name 1 to {} versions, such as `1: {{old: new, dropped: ~}}`.",
                                 moves_max));
      return;
    }
    for (const TreeNode& key : at.node->keys) {
      const At place{.node = &key, .path = at.path + "." + key.text, .name = "moves"};
      int version = 0;
      const auto [end, failed] = std::from_chars(key.text.data(), key.text.data() + key.text.size(), version);
      if (failed != std::errc{} || end != key.text.data() + key.text.size() || version < 1) {
        reader().error(place, "service.move", "A version's number is expected before the colon.");
        continue;
      }
      read_move(*reader().find(at, key.text), service, service.moves[version]);
    }
  }

  void read_move(const At& at, const Service& service, std::map<std::string, std::string>& move) {
    if (at.node->kind == TreeNode::Kind::refused) return;
    if (at.node->kind != TreeNode::Kind::map) {
      reader().error(at, "file.type",
                     "The fields of that version are expected here, such as `{old: new, dropped: ~}`.");
      return;
    }
    std::set<std::string> taken;
    for (const TreeNode& key : at.node->keys) {
      const At place{.node = &key, .path = at.path + "." + key.text, .name = "moves"};
      if (!reader().code(place)) continue;
      const At value = *reader().find(at, key.text);
      std::string& target = move[key.text];
      if (value.node->kind == TreeNode::Kind::nothing) continue;  // dropped
      const auto word = reader().text(value);
      if (!word) continue;
      target = *word;
      if (service.find(target) == nullptr) {
        std::vector<std::string> fields;
        for (const Field& field : service.form) fields.push_back(field.code);
        reader().error(value, "service.move",
                       fmt::format("This version has no field `{}`.{} Write `~` for an answer that is "
                                   "dropped.",
                                   target, regime::did_you_mean(target, fields)));
      } else if (!taken.insert(target).second) {
        reader().error(value, "service.move",
                       fmt::format("Two fields would become `{}`. Keep one of them.", target));
      }
    }
  }

  void check_channels(const At& at, const Service& service) {
    if (service.on(Channel::bulk) != service.for_employees) {
      const auto here = reader().find(at, service.for_employees ? "for_employees" : "channels");
      reader().error(*here, "service.channel",
                     "`for_employees: true` and the channel `bulk` belong together: an organisation applies "
                     "for many. Write both or neither.");
    }
    const auto sms = reader().find(at, "sms");
    if (service.on(Channel::sms) == sms.has_value()) return;
    if (sms) {
      reader().error(*sms, "service.sms",
                     "The service isn't on the channel `sms`. Add it, or leave this out.");
    } else if (const auto channels = reader().find(at, "channels")) {
      reader().error(*channels, "service.sms",
                     "Say under `sms` how a message is written: `words` that it begins with, the `order` of "
                     "its answers.");
    }
  }

  void check_fee(const At& at, const Service& service) {
    const auto pays = std::ranges::find(service.steps, Step::Kind::payment, &Step::kind);
    const auto fee = reader().find(at, "fee");
    if (fee.has_value() == (pays != service.steps.end())) return;
    reader().error(fee ? *fee : *reader().find(at, "steps"), "service.fee",
                   fee ? "No step asks for the fee. Add a step of the kind `payment`."
                       : "A step asks for payment, but there is no `fee`. Add one, or leave the step out.");
  }

  FileParts parts_;
};

}  // namespace

std::expected<Service, Errors> parse_service(std::string_view text, const regime::FileContext& context,
                                             const NamedElsewhere& elsewhere) {
  regime::Tree tree = regime::read_tree(text);
  Errors errors = std::move(tree.errors);
  Service service = ServiceFileReader(errors, context, elsewhere).read(tree.root);
  if (!errors.empty()) {
    regime::sort_by_place(errors);
    return std::unexpected(std::move(errors));
  }
  service.source = text;
  return service;
}

}  // namespace dayaq::services
