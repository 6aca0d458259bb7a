// A doubly linked list through the elements themselves: no allocation, O(1) removal from the middle.
//
// The element derives from ListNode<Tag>; it may be in several lists by deriving from several tags. Adding an element
// that is linked already, or removing one that is not, is a bug of the caller.
#pragma once

#include "base/types.h"

namespace hv {

template <class Tag>
struct ListNode {
  ListNode* list_previous = nullptr;
  ListNode* list_next = nullptr;
  bool linked() const { return list_next != nullptr; }
};

template <class T, class Tag>
class List {
 public:
  using Node = ListNode<Tag>;

  constexpr List() { ends_.list_previous = ends_.list_next = &ends_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return ends_.list_next == &ends_; }
  T* front() const { return element(ends_.list_next); }
  T* back() const { return element(ends_.list_previous); }
  T* next(const T& of) const { return element(static_cast<const Node&>(of).list_next); }
  T* previous(const T& of) const { return element(static_cast<const Node&>(of).list_previous); }

  void push_front(T& added) { insert(added, *ends_.list_next); }
  void push_back(T& added) { insert(added, ends_); }
  void insert_before(T& position, T& added) { insert(added, position); }
  void insert_after(T& position, T& added) { insert(added, *static_cast<Node&>(position).list_next); }

  void remove(T& removed) {
    Node& node = removed;
    node.list_previous->list_next = node.list_next;
    node.list_next->list_previous = node.list_previous;
    node.list_next = node.list_previous = nullptr;
  }

  template <class F>
  void for_each(F visit) const {  // `visit` may remove the element it is given
    for (Node* node = ends_.list_next; node != &ends_;) {
      Node* following = node->list_next;
      visit(*static_cast<T*>(node));
      node = following;
    }
  }

 private:
  T* element(Node* node) const { return node == &ends_ ? nullptr : static_cast<T*>(node); }
  static void insert(Node& added, Node& before) {
    added.list_next = &before;
    added.list_previous = before.list_previous;
    before.list_previous->list_next = &added;
    before.list_previous = &added;
  }

  Node ends_;  // stands before the first and after the last
};

}  // namespace hv
