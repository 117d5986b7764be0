//! Values of any type, and what is known of their types.

use std::any::{Any, TypeId};
use std::fmt;

use crate::BoxError;

/// A value of any type that can be copied for another way.
pub struct Parcel(Box<dyn Contents>);

trait Contents: Any + Send {
    fn copy(&self) -> Box<dyn Contents>;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<T: Clone + Send + 'static> Contents for T {
    fn copy(&self) -> Box<dyn Contents> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl Parcel {
    pub(super) fn new<T: Clone + Send + 'static>(value: T) -> Self {
        Self(Box::new(value))
    }

    pub(super) fn open<T: 'static>(self) -> Result<T, Mistaken> {
        match self.0.into_any().downcast::<T>() {
            Ok(value) => Ok(*value),
            Err(_) => Err(Mistaken { wanted: std::any::type_name::<T>() }),
        }
    }

    pub(super) fn look<T: 'static>(&self) -> Result<&T, Mistaken> {
        (*self.0).as_any().downcast_ref().ok_or(Mistaken { wanted: std::any::type_name::<T>() })
    }
}

impl Clone for Parcel {
    fn clone(&self) -> Self {
        Self((*self.0).copy())
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel").finish_non_exhaustive()
    }
}

/// A parcel of another type than it was when the graph was connected: a mistake of this crate.
#[derive(Debug, thiserror::Error)]
#[error(
    "a value that should be `{wanted}` is of another type: this is a mistake in the graph itself, please report it"
)]
pub(super) struct Mistaken {
    wanted: &'static str,
}

/// A type, to compare and to name.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    id: TypeId,
    pub(super) name: &'static str,
}

impl Type {
    pub(super) fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: std::any::type_name::<T>() }
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// What a node takes.
#[derive(Clone, Debug)]
pub enum Takes {
    /// Values of one type, of any number of nodes.
    One(Type),
    /// One value of each of so many nodes, in order.
    Each(Vec<Type>),
    /// One value of each of any number of nodes.
    All(Type),
}

/// What a join puts together, one part of each node that leads to it: a tuple of two to six parts, or a `Vec` of parts
/// of one type.
pub trait Parts: Sealed + Send + 'static {}

mod sealed {
    use super::{BoxError, Parcel, Takes};

    /// Only here are parts made.
    #[expect(unnameable_types, reason = "sealed: a user cannot implement it")]
    pub trait Sealed: Sized {
        fn takes() -> Takes;
        fn gather(parcels: Vec<Parcel>) -> Result<Self, BoxError>;
    }
}

use sealed::Sealed;

impl<T: Clone + Send + 'static> Parts for Vec<T> {}

impl<T: Clone + Send + 'static> Sealed for Vec<T> {
    fn takes() -> Takes {
        Takes::All(Type::of::<T>())
    }

    fn gather(parcels: Vec<Parcel>) -> Result<Self, BoxError> {
        parcels.into_iter().map(|parcel| parcel.open().map_err(Into::into)).collect()
    }
}

macro_rules! parts {
    ($($part:ident)+) => {
        impl<$($part: Clone + Send + 'static),+> Parts for ($($part,)+) {}

        impl<$($part: Clone + Send + 'static),+> Sealed for ($($part,)+) {
            fn takes() -> Takes {
                Takes::Each(vec![$(Type::of::<$part>()),+])
            }

            fn gather(parcels: Vec<Parcel>) -> Result<Self, BoxError> {
                let mut parcels = parcels.into_iter();
                Ok(($(parcels.next().ok_or("a part of a join is missing")?.open::<$part>()?,)+))
            }
        }
    };
}

parts!(A B);
parts!(A B C);
parts!(A B C D);
parts!(A B C D E);
parts!(A B C D E F);
