// Who may stand behind a complaint, in a form in which one person is one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bulkhead::app {

inline constexpr std::size_t kPeopleMax = 100;

// Whoever has a message can write complaints about it in the name of each address that he reads, and of each that the
// message went to besides. So all that it went to are meant, each as:
//  - at the large providers where people have single addresses: the address, without case, dots and what follows '+';
//  - anywhere else: the domain that somebody registered, as far as that can be told from its labels, for all
//    addresses and subdomains of it may be one person's.
// At most kPeopleMax, each once.
std::vector<std::string> people_of(const std::vector<std::string>& addresses);

}  // namespace bulkhead::app
