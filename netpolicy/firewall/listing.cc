#include "netpolicy/firewall/listing.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::netpolicy {

namespace {

using Json = nlohmann::json;

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::uint64_t number_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() ? text_of(*found) : "";
}

// "10.0.0.1", 25, {"concat": ["10.0.0.1", 2952790017]}
std::string element_name(const Json& value) {
  if (!value.is_object() || !value.contains("concat")) return text_of(value);
  std::string name;
  for (const auto& part : value["concat"]) name += (name.empty() ? "" : " . ") + text_of(part);
  return name;
}

void read_set(const Json& set, FirewallListing& listing) {
  const std::string name = text_at(set, "name");
  listing.declarations["set " + name] = text_at(set, "type") + text_at(set, "stmt") + text_at(set, "flags");
  auto& elements = listing.sets[name];
  if (!set.contains("elem")) return;
  for (const auto& each : set["elem"]) {
    const bool has_more = each.is_object() && each.contains("elem") && each["elem"].is_object();
    const Json& value = has_more ? each["elem"]["val"] : each;
    const std::string element = element_name(value);
    elements.insert(element);
    if (!has_more || !each["elem"].contains("counter")) continue;
    const Json& counter = each["elem"]["counter"];
    if (!counter.is_object()) continue;
    listing.traffic.sets[name][element] = {number_at(counter, "packets"), number_at(counter, "bytes")};
  }
}

void read_counter(const Json& counter, FirewallListing& listing) {
  const std::string name = text_at(counter, "name");
  if (name == "refused_users") listing.traffic.refused_users = number_at(counter, "packets");
  if (name == "refused_addresses") listing.traffic.refused_addresses = number_at(counter, "packets");
}

void read_chain(const Json& chain, FirewallListing& listing) {
  const std::string name = text_at(chain, "name");
  listing.declarations["chain " + name] = fmt::format("{} {} {} {}", text_at(chain, "type"), text_at(chain, "hook"),
                                                      text_at(chain, "prio"), text_at(chain, "policy"));
  listing.rules[name];
}

void read_object(const Json& object, FirewallListing& listing) {
  if (object.contains("set")) read_set(object["set"], listing);
  if (object.contains("counter")) read_counter(object["counter"], listing);
  if (object.contains("chain")) read_chain(object["chain"], listing);
  if (object.contains("rule"))
    listing.rules[text_at(object["rule"], "chain")].push_back(text_at(object["rule"], "expr"));
}

// Collects sentences up to a number, and counts the rest.
class Sentences {
 public:
  explicit Sentences(std::size_t count_max) : count_max_(count_max) {}
  void add(std::string sentence) {
    if (sentences_.size() < count_max_) {
      sentences_.push_back(std::move(sentence));
    } else {
      ++left_out_;
    }
  }
  std::vector<std::string> take() {
    if (left_out_ > 0) sentences_.push_back(fmt::format("and {} more", left_out_));
    return std::move(sentences_);
  }

 private:
  std::size_t count_max_;
  std::vector<std::string> sentences_;
  std::size_t left_out_ = 0;
};

template <class Map>
const typename Map::mapped_type& value_or_empty(const Map& map, const std::string& key) {
  static const typename Map::mapped_type kEmpty{};
  const auto found = map.find(key);
  return found == map.end() ? kEmpty : found->second;
}

}  // namespace

Result<FirewallListing> parse_listing(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("nftables") || !json["nftables"].is_array()) {
    return fail(ErrorCode::kProtocol, "nft's listing is not understood", "is this nftables 1.0 or newer?");
  }
  FirewallListing listing;
  try {
    for (const auto& object : json["nftables"]) {
      if (object.is_object()) read_object(object, listing);
    }
  } catch (const Json::exception& error) {
    return fail(ErrorCode::kProtocol, std::string{"nft's listing is not understood: "} + error.what());
  }
  return listing;
}

std::vector<std::string> differences(const FirewallListing& kernel, const FirewallListing& wanted,
                                     const std::function<std::string(const std::string&)>& text_of_element,
                                     std::size_t count_max) {
  Sentences sentences{count_max};
  for (const auto& [name, declaration] : wanted.declarations) {
    if (!kernel.declarations.contains(name)) sentences.add("the kernel has no " + name);
  }
  for (const auto& [name, declaration] : kernel.declarations) {
    if (!wanted.declarations.contains(name)) {
      sentences.add("the kernel has a " + name + " that does not belong there");
    } else if (wanted.declarations.at(name) != declaration) {
      sentences.add(fmt::format("{} is declared as {}, not as {}", name, declaration, wanted.declarations.at(name)));
    }
  }
  for (const auto& [chain, rules] : wanted.rules) {
    if (value_or_empty(kernel.rules, chain) != rules) sentences.add("the rules of chain " + chain + " were changed");
  }
  for (const auto& [set, elements] : wanted.sets) {
    const auto& present = value_or_empty(kernel.sets, set);
    for (const auto& element : elements) {
      if (!present.contains(element)) sentences.add(fmt::format("{}: {} is missing", set, text_of_element(element)));
    }
    for (const auto& element : present) {
      if (!elements.contains(element)) {
        sentences.add(fmt::format("{}: {} is in the kernel and not in the directory", set, text_of_element(element)));
      }
    }
  }
  return sentences.take();
}

}  // namespace bulkhead::netpolicy
