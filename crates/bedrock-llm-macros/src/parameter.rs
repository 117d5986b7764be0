//! A parameter of a tool's function.

use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, Ident, Pat, Type};

use crate::options::at;

/// What a parameter gets.
pub(crate) enum Parameter {
    /// A member of the arguments.
    Argument { attributes: Vec<Attribute>, name: Ident, r#type: Box<Type> },
    /// The call's context, by reference or not.
    Context { is_reference: bool },
}

impl Parameter {
    /// Reads a parameter, and takes from it the attributes that a function's parameters may not have.
    pub(crate) fn read(parameter: &mut FnArg) -> syn::Result<Self> {
        let span = parameter.span();
        let FnArg::Typed(typed) = parameter else {
            return Err(at(
                span,
                "a tool is a function without `self`; for one with a state implement `Tool`",
            ));
        };
        let Pat::Ident(pattern) = &*typed.pat else {
            let message = "a tool's parameter needs a plain name, which the model calls it by";
            return Err(at(typed.pat.span(), message));
        };
        let name = pattern.ident.clone();
        let attributes = std::mem::take(&mut typed.attrs);
        if let Some(is_reference) = is_context(&typed.ty) {
            return Ok(Self::Context { is_reference });
        }
        match &*typed.ty {
            Type::Reference(reference) => {
                let message = "an argument is read from the model's JSON and must be owned: `String` in the place of \
                               `&str`, `Vec<T>` of `&[T]`";
                return Err(at(reference.span(), message));
            }
            Type::ImplTrait(it) => {
                return Err(at(
                    it.span(),
                    "an argument needs a type of its own, for its schema is made of it",
                ));
            }
            _ => {}
        }
        for attribute in &attributes {
            let path = attribute.path();
            if !["doc", "serde", "schemars"].iter().any(|known| path.is_ident(known)) {
                let message =
                    "a parameter of a tool may have doc comments, `#[serde(..)]` and `#[schemars(..)]`";
                return Err(at(attribute.span(), message));
            }
        }
        Ok(Self::Argument { attributes, name, r#type: typed.ty.clone() })
    }
}

/// Whether a type is the context, and whether by reference.
fn is_context(r#type: &Type) -> Option<bool> {
    let (inner, is_reference) = match r#type {
        Type::Reference(reference) if reference.mutability.is_none() => (&*reference.elem, true),
        other => (other, false),
    };
    let Type::Path(path) = inner else { return None };
    let last = path.path.segments.last()?;
    (last.ident == "Context" && last.arguments.is_none()).then_some(is_reference)
}
