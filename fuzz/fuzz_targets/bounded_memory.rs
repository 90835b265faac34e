//! An allocator that ends the process when somebody asks for far more memory at once than any input here is worth: a
//! length that was believed before it was checked.

use std::alloc::{GlobalAlloc, Layout, System};

/// Inputs have a few KB, and what is made of them a few times as much.
const AT_ONCE_MAX: usize = 16 << 20;

pub struct Bounded;

fn check(size: usize) {
    if size > AT_ONCE_MAX {
        eprintln!("an input asks for more than 16 MiB at once");
        std::process::abort();
    }
}

// SAFETY: everything is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(memory, layout, size) }
    }
}
